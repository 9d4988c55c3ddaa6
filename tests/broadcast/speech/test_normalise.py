import json
from importlib.resources import files

import pytest

from broadcast.speech.normalise import normalise

TWELVE = json.loads(files("broadcast.data").joinpath("announcements_vi.json").read_text("utf-8"))
ANNOUNCEMENTS = {item["id"]: item for item in TWELVE}

TRAPS_OF_THE_TWELVE = [
    ("ann-01", "Lúc 14 giờ 30 phút hôm nay", "lúc mười bốn giờ ba mươi phút hôm nay"),
    ("ann-01", "120 mm mưa trong 3 giờ", "một trăm hai mươi mi li mét mưa trong ba giờ"),
    ("ann-01", "dưới chân taluy", "dưới chân ta luy"),
    ("ann-01", "gọi số 112 hoặc", "gọi số một một hai hoặc"),
    ("ann-01", "sau mỗi 15 phút", "sau mỗi mười lăm phút"),
    ("ann-02", "ngày 14/6, từ 7 giờ 30", "ngày mười bốn tháng sáu, từ bảy giờ ba mươi"),
    ("ann-02", "từ 2 đến 18 tháng tuổi", "từ hai đến mười tám tháng tuổi"),
    ("ann-02", "sởi – rubella", "sởi, ru ben la"),
    ("ann-03", "đường dây 22 kV: từ", "đường dây hai mươi hai ki lô vôn: từ"),
    ("ann-03", "thứ Năm, ngày 19/6", "thứ năm, ngày mười chín tháng sáu"),
    ("ann-03", "tại Thôn 1, Thôn 2 và một phần Thôn 3", "tại thôn một, thôn hai và một phần thôn ba"),
    ("ann-04", "đủ 18 đến hết 25 tuổi", "đủ mười tám đến hết hai mươi lăm tuổi"),
    ("ann-04", "ngày 05/11", "ngày mùng năm tháng mười một"),
    ("ann-04", "trước ngày 01/11", "trước ngày mùng một tháng mười một"),
    ("ann-05", "lớp 1 cho", "lớp một cho"),
    ("ann-05", "sinh năm 2019", "sinh năm hai nghìn không trăm mười chín"),
    ("ann-05", "từ ngày 01/7 đến hết ngày 15/7", "từ ngày mùng một tháng bảy đến hết ngày mười lăm tháng bảy"),
    ("ann-06", "dưới 50%", "dưới năm mươi phần trăm"),
    ("ann-06", "cấp IV – cấp nguy hiểm", "cấp bốn, cấp nguy hiểm"),
    ("ann-06", "gọi số 114.", "gọi số một một bốn."),
    ("ann-07", "khoảng 1,1 m, tóc", "khoảng một phẩy một mét, tóc"),
    ("ann-07", "tiếng Ca Dong và tiếng Việt", "tiếng ca dong và tiếng việt"),
    ("ann-07", "số điện thoại 113, hoặc", "số điện thoại một một ba, hoặc"),
    ("ann-08", "VNeID mức độ 2", "vi en i ai đi mức độ hai"),
    ("ann-08", "sim chính chủ", "sim chính chủ"),
    ("ann-08", "mã OTP", "mã ô tê pê"),
    ("ann-08", "đường link lạ", "đường linh lạ"),
    ("ann-09", "uống aspirin", "uống át pi rin"),
    ("ann-10", "từ ngày 28 đến ngày 30", "từ ngày hai mươi tám đến ngày ba mươi"),
    ("ann-10", "mã QR.", "mã quy rờ."),
    ("ann-11", "cụ ông A Văn Mẫu, sinh năm 1933", "cụ ông a văn mẫu, sinh năm một nghìn chín trăm ba mươi ba"),
    ("ann-11", "hưởng thọ 92 tuổi", "hưởng thọ chín mươi hai tuổi"),
    ("ann-12", "trong 60 giây", "trong sáu mươi giây"),
    ("ann-12", "trước 11 giờ", "trước mười một giờ"),
]


@pytest.mark.parametrize(("announcement", "written", "spoken"), TRAPS_OF_THE_TWELVE)
def test_traps_of_the_twelve_announcements(announcement: str, written: str, spoken: str) -> None:
    text = ANNOUNCEMENTS[announcement]["text"]
    assert written in text
    assert spoken in normalise(text)


def test_titles_of_the_twelve() -> None:
    assert normalise(ANNOUNCEMENTS["ann-06"]["title"]) == "cảnh báo nguy cơ cháy rừng cấp bốn"
    assert normalise(ANNOUNCEMENTS["ann-08"]["title"]) == "ngày cao điểm kích hoạt định danh điện tử vi en i ai đi"


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # quantities
        ("10.000 đồng", "mười nghìn đồng"),
        ("500.000đ", "năm trăm nghìn đồng"),
        ("5.000.000 VNĐ", "năm triệu đồng"),
        ("20.000 đồng/kg", "hai mươi nghìn đồng một ki lô gam"),
        ("1.5 m", "một phẩy năm mét"),
        ("0,05 mg", "không phẩy không năm mi li gam"),
        ("37,5 °C", "ba mươi bảy phẩy năm độ xê"),
        ("20ºC", "hai mươi độ xê"),
        ("rét -5°C", "rét âm năm độ xê"),
        ("60 km/h", "sáu mươi ki lô mét trên giờ"),
        ("100 m²", "một trăm mét vuông"),
        ("100m2", "một trăm mét vuông"),
        ("12 m3/s", "mười hai mét khối trên giây"),
        ("cao 1m65", "cao một mét sáu mươi lăm"),
        ("220V, 50Hz", "hai trăm hai mươi vôn, năm mươi héc"),
        ("5 kg gạo", "năm ki lô gam gạo"),
        ("½ kg", "một phần hai ki lô gam"),
        ("đơn vị tính: km", "đơn vị tính: ki lô mét"),
        ("150 mm/24h", "một trăm năm mươi mi li mét trên hai mươi tư giờ"),
        # ranges
        ("10–17 giờ", "mười đến mười bảy giờ"),
        ("mưa 50-100mm", "mưa năm mươi đến một trăm mi li mét"),
        ("giảm 15-20%", "giảm mười lăm đến hai mươi phần trăm"),
        ("cấp 8-9, giật cấp 11", "cấp tám đến chín, giật cấp mười một"),
        ("năm học 2024-2025", "năm học hai nghìn không trăm hai mươi tư đến hai nghìn không trăm hai mươi lăm"),
        # dates
        ("ngày 14/6/2025", "ngày mười bốn tháng sáu năm hai nghìn không trăm hai mươi lăm"),
        ("từ 28-30/4", "từ ngày hai mươi tám đến ngày ba mươi tháng tư"),
        ("28/4 - 3/5", "ngày hai mươi tám tháng tư đến ngày mùng ba tháng năm"),
        ("tháng 6/2025", "tháng sáu năm hai nghìn không trăm hai mươi lăm"),
        ("tháng 4", "tháng tư"),
        ("quý III/2025", "quý ba năm hai nghìn không trăm hai mươi lăm"),
        ("thứ 4, T2-T6, CN", "thứ tư, thứ hai đến thứ sáu, chủ nhật"),
        ("uống ngày 2 lần", "uống ngày hai lần"),
        ("trực 24/7", "trực hai mươi tư trên bảy"),
        ("32/35 thôn", "ba mươi hai trên ba mươi lăm thôn"),
        ("số nhà 12/5", "số nhà mười hai trên năm"),
        # times
        ("15h30", "mười lăm giờ ba mươi phút"),
        ("16:05", "mười sáu giờ năm phút"),
        ("lúc 7g30 và 14h00", "lúc bảy giờ ba mươi phút và mười bốn giờ"),
        ("7h-11h30", "bảy giờ đến mười một giờ ba mươi phút"),
        ("tỷ lệ 1:500", "tỷ lệ một trên năm trăm"),
        # telephones
        ("0905 123 456", "không chín không năm, một hai ba, bốn năm sáu"),
        ("0905123456", "không chín không năm, một hai ba, bốn năm sáu"),
        ("+84 905 123 456", "không chín không năm, một hai ba, bốn năm sáu"),
        ("ĐT: 0235.3880.123", "điện thoại: không hai ba năm, ba tám tám không, một hai ba"),
        ("gọi 113, 114 hoặc 115", "gọi một một ba, một một bốn hoặc một một năm"),
        ("tổng đài 1022", "tổng đài một không hai hai"),
        ("gọi 120 người", "gọi một trăm hai mươi người"),
        ("văn bản số 112", "văn bản số một trăm mười hai"),
        # Roman numerals, codes, papers
        ("thế kỷ XXI", "thế kỷ hai mươi mốt"),
        ("lần thứ IV", "lần thứ tư"),
        ("khu vực I", "khu vực một"),
        ("QL14B, ĐT616", "quốc lộ mười bốn bê, đường tỉnh sáu trăm mười sáu"),
        ("mạng 4G", "mạng bốn giê"),
        ("Covid-19", "cô vít mười chín"),
        (
            "số 20/2024/QĐ-UBND",
            "số hai mươi trên hai nghìn không trăm hai mươi tư trên quyết định ủy ban nhân dân",
        ),
        ("Số 1 và số 4", "số một và số bốn"),
        # abbreviations
        ("UBND, HĐND xã", "ủy ban nhân dân, hội đồng nhân dân xã"),
        ("THCS, BHYT, CCCD", "trung học cơ sở, bảo hiểm y tế, căn cước công dân"),
        ("TP. Đà Nẵng, TP Huế", "thành phố đà nẵng, thành phố huế"),
        ("BS. Nam", "bác sĩ nam"),
        ("gạo, muối, v.v…", "gạo, muối, vân vân."),
        ("KTX", "ca tê ích"),
        ("THÔNG BÁO KHẨN CẤP CỦA UBND XÃ", "thông báo khẩn cấp của ủy ban nhân dân xã"),
        # links
        ("xem https://dichvucong.gov.vn.", "xem dịch vụ công chấm gốp chấm vê en."),
        ("thư về ubnd@danang.gov.vn", "thư về ủy ban nhân dân a còng đà nẵng chấm gốp chấm vê en"),
        # names and Vietnamese words that look foreign
        ("Ca Dong, K'Bang, M'nông", "ca dong, kơ bang, mơ nông"),
        ("con dao, song, hoa sen, long nhãn", "con dao, song, hoa sen, long nhãn"),
        # layout
        ("- Mang theo ảnh 3x4", "mang theo ảnh ba nhân bốn"),
        ("Một (1) người\n\n  Hai người!!!", "một, một, người\nhai người!"),
        ("😀 🎉", ""),
        ("", ""),
    ],
)
def test_traps_of_the_field(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


def test_paragraphs_stay_apart() -> None:
    text = "\n\n".join(item["text"] for item in ANNOUNCEMENTS.values())
    assert len(normalise(text).splitlines()) == len(ANNOUNCEMENTS)
