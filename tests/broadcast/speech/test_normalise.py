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


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # weather: a sign between two numbers is no minus, and a minus is not lost
        ("15-18 độ C", "mười lăm đến mười tám độ xê"),
        ("8-11 độ", "tám đến mười một độ"),
        ("15 -18 độ; 15 – 18°C", "mười lăm đến mười tám độ; mười lăm đến mười tám độ xê"),
        ("15°C-18°C", "mười lăm độ xê đến mười tám độ xê"),
        ("15,2-16,0 độ Vĩ Bắc", "mười lăm phẩy hai đến mười sáu phẩy không độ vĩ bắc"),
        ("từ -3 đến -1 độ C", "từ âm ba đến âm một độ xê"),
        ("từ -3 - -1°C", "từ âm ba đến âm một độ xê"),
        ("khoảng -1 – 2 độ", "khoảng âm một đến hai độ"),
        ("rét \u22122°C, –3°C", "rét âm hai độ xê, âm ba độ xê"),
        ("15,2N; 108,1E", "mười lăm phẩy hai độ vĩ bắc; một trăm lẻ tám phẩy một độ kinh đông"),
        ("15,5N-108,2E", "mười lăm phẩy năm độ vĩ bắc, một trăm lẻ tám phẩy hai độ kinh đông"),
        ("cấp 6÷7, cấp 10~12", "cấp sáu đến bảy, cấp mười đến mười hai"),
        ("lúc 07h/28/10", "lúc bảy giờ ngày hai mươi tám tháng mười"),
        (
            "dưới BĐ2 0,15m; BĐ2-BĐ3; BĐIII",
            "dưới báo động hai không phẩy mười lăm mét; báo động hai đến ba; báo động ba",
        ),
        ("báo động I-II", "báo động một đến hai"),
        ("bão TRAMI, ATNĐ", "bão tra mi, áp thấp nhiệt đới"),
        ("Km76+500 đến Km 80", "ki lô mét bảy mươi sáu cộng năm trăm đến ki lô mét tám mươi"),
        # capitals that only shout
        ("SAU 30 PHÚT NỮA XẢ LŨ", "sau ba mươi phút nữa xả lũ"),
        ("SƠ TÁN NGAY CHO 30 HỘ", "sơ tán ngay cho ba mươi hộ"),
        ("DI DỜI NGAY 25 NGƯỜI", "di dời ngay hai mươi lăm người"),
        ("CÓ 30 HỘ, TỪ 5 GIỜ DI 25 HỘ", "có ba mươi hộ, từ năm giờ di hai mươi lăm hộ"),
        ("Lũ về. DI DỜI NGAY 25 hộ ở thôn 2", "lũ về. di dời ngay hai mươi lăm hộ ở thôn hai"),
        ("Bà con đi NGAY 30 phút nữa", "bà con đi ngay ba mươi phút nữa"),
        ("CẤM ĐƯỜNG LÚC 9G30 NGÀY 28/10", "cấm đường lúc chín giờ ba mươi phút ngày hai mươi tám tháng mười"),
        ("THÔNG BÁO: NGÀY 28/10 nghỉ học", "thông báo: ngày hai mươi tám tháng mười nghỉ học"),
        ("MƯA TO 300 MM, NGẬP 0,7 M", "mưa to ba trăm mi li mét, ngập không phẩy bảy mét"),
        ("XẢ 500 M3/S, GIÓ 60 KM/H", "xả năm trăm mét khối trên giây, gió sáu mươi ki lô mét trên giờ"),
        ("CHÁU MAI CAO 1M10", "cháu mai cao một mét mười"),
        ("MƯA 100MM/3 GIỜ", "mưa một trăm mi li mét trên ba giờ"),
        ("CỨU THƯƠNG 115, HTX BĐS", "cứu thương một một năm, hợp tác xã bê đê ét"),
        ("GẠO GIÁ 50.000 Đ/KG", "gạo giá năm mươi nghìn đồng một ki lô gam"),
        ("ĐỒNG BÀO CA DONG, CA NÔ, CA XÃ", "đồng bào ca dong, ca nô, công an xã"),
        ("THỨ TƯ NGÀY 5 THÁNG 4, ĐẦU TƯ", "thứ tư ngày mùng năm tháng tư, đầu tư"),
        ("CẤM VI PHẠM, CHỞ XI MĂNG", "cấm vi phạm, chở xi măng"),
        ("ĐẠI HỘI LẦN THỨ VI, CẤP III", "đại hội lần thứ sáu, cấp ba"),
        ("XÂY QL14B, LỚP 6A, CÁCH ĐT616", "xây quốc lộ mười bốn bê, lớp sáu a, cách đường tỉnh sáu trăm mười sáu"),
        # counts and names that look like something else
        ("chữa cháy 114 ha rừng", "chữa cháy một trăm mười bốn héc ta rừng"),
        ("cấp cứu 115 trường hợp", "cấp cứu một trăm mười lăm trường hợp"),
        ("gọi cấp cứu 115, gọi 115 xe sẽ đến", "gọi cấp cứu một một năm, gọi một một năm xe sẽ đến"),
        ("ngô CP 888, theo NĐ 100", "ngô xê pê tám trăm tám mươi tám, theo nghị định một trăm"),
        ("điểm BĐ-VHX, vượt BĐ 2", "điểm bưu điện văn hóa xã, vượt báo động hai"),
        ("theo Điều 5.2.", "theo điều năm chấm hai."),
        ("khoản 2.5 triệu đồng", "khoản hai phẩy năm triệu đồng"),
        ("dịp 2/9 trường nghỉ, 8/10 trường", "dịp ngày mùng hai tháng chín trường nghỉ, tám trên mười trường"),
        ("lễ 30/4 và 1/5 trường nghỉ", "lễ ngày ba mươi tháng tư và ngày mùng một tháng năm trường nghỉ"),
        ("mỗi tháng 2-3 buổi", "mỗi tháng hai đến ba buổi"),
        ("thắng với tỷ số 3-2", "thắng với tỷ số ba hai"),
        ("Quốc khánh 2/9 trường nghỉ", "quốc khánh ngày mùng hai tháng chín trường nghỉ"),
        ("nhân 1/6 trẻ em có quà", "nhân ngày mùng một tháng sáu trẻ em có quà"),
        # shares, doses and days
        ("uống 1/2 viên, ngày 1/4 gói", "uống một phần hai viên, ngày một phần tư gói"),
        ("1 1/2 viên, 1½ viên", "một và một phần hai viên, một và một phần hai viên"),
        ("1/2 gói/lần x 2 lần/ngày", "một phần hai gói một lần nhân hai lần một ngày"),
        ("ngày 2-3 lần, mỗi lần 1-2 viên", "ngày hai đến ba lần, mỗi lần một đến hai viên"),
        ("15kg gạo/người/tháng", "mười lăm ki lô gam gạo một người một tháng"),
        ("từ ngày 1-3 hằng tháng", "từ ngày một đến ba hằng tháng"),
        ("huyết áp 140/90 mmHg", "huyết áp một trăm bốn mươi trên chín mươi mi li mét thủy ngân"),
        ("3/5 ngầm, 8/10 nhà, 2/3 dân số", "ba trên năm ngầm, tám trên mười nhà, hai phần ba dân số"),
        ("sáng 8/10 nhà máy mở cửa", "sáng ngày mùng tám tháng mười nhà máy mở cửa"),
        ("sáng mai 8/10 trường nghỉ", "sáng mai ngày mùng tám tháng mười trường nghỉ"),
        ("từ 1/7 người dân, 15/6 hộ", "từ ngày mùng một tháng bảy người dân, ngày mười lăm tháng sáu hộ"),
        # schedules
        ("thứ 2 - thứ 6; thứ 7 - CN", "thứ hai đến thứ sáu; thứ bảy đến chủ nhật"),
        ("thứ 2-6; thứ hai - thứ sáu", "thứ hai đến thứ sáu; thứ hai đến thứ sáu"),
        ("6/2/2000-8/2/2000", "ngày mùng sáu tháng hai năm hai nghìn đến ngày mùng tám tháng hai năm hai nghìn"),
        ("tháng 4-5, T9-T12", "tháng tư đến tháng năm, tháng chín đến tháng mười hai"),
        ("ngày 22.12, ngày 20-11", "ngày hai mươi hai tháng mười hai, ngày hai mươi tháng mười một"),
        ("ngày 8-10 độ, ngày 5-7 tháng 11", "ngày tám đến mười độ, ngày năm đến ngày bảy tháng mười một"),
        ("chiều 16-11, đêm 18-12 độ", "chiều ngày mười sáu tháng mười một, đêm mười tám đến mười hai độ"),
        ("7-11h, 7 giờ 00 - 11 giờ 30", "bảy đến mười một giờ, bảy giờ đến mười một giờ ba mươi"),
        ("kỳ 1 tháng 11, đợt 2/2026", "kỳ một tháng mười một, đợt hai năm hai nghìn không trăm hai mươi sáu"),
        ("Thôn 1: 25 hộ/98 khẩu", "thôn một: hai mươi lăm hộ, chín mươi tám khẩu"),
        ("mời 01 đ/c, 3 tấn/ha, 5x7m", "mời một đồng chí, ba tấn một héc ta, năm nhân bảy mét"),
        # papers: what they are is said once
        ("Nghị định 49/2024/NĐ-CP", "nghị định bốn mươi chín trên hai nghìn không trăm hai mươi tư trên chính phủ"),
        ("Thông báo số 88/TB-UBND", "thông báo số tám mươi tám trên ủy ban nhân dân"),
        ("Công văn 512/UBND-TT", "công văn năm trăm mười hai trên ủy ban nhân dân thông tư"),
        ("theo NĐ 5/NĐ-CP, 5/NĐ-CP", "theo nghị định năm trên chính phủ, năm trên nghị định chính phủ"),
        ("Chỉ thị 05-CT/TW, 12-BC/ĐU", "chỉ thị năm trên trung ương, mười hai trên báo cáo đảng ủy"),
        ("Luật số 5/2023/QH15", "luật số năm trên hai nghìn không trăm hai mươi ba trên quốc hội khóa mười lăm"),
        ("mẫu CT01, QĐ 15", "mẫu xê tê một, quyết định mười lăm"),
        ("Điều 5.1", "điều năm chấm một"),
        # numbers that nobody counts
        ("(0235) 3880 123", "không hai ba năm, ba tám tám không, một hai ba"),
        (
            "0905.123.456-0914.222.333",
            "không chín không năm, một hai ba, bốn năm sáu, không chín một bốn, hai hai hai, ba ba ba",
        ),
        ("CMND số 205123456", "chứng minh nhân dân số hai không năm một hai ba bốn năm sáu"),
        ("BHYT 12.500.000 đồng", "bảo hiểm y tế mười hai triệu năm trăm nghìn đồng"),
        ("STK: 5601 0000 1234", "số tài khoản: năm sáu không một, không không không không, một hai ba bốn"),
        ("xe 92C-123.45", "xe chín hai xê, một hai ba bốn năm"),
        ("M 3,6; tải 2,5T", "em mờ ba phẩy sáu; tải hai phẩy năm tê"),
    ],
)
def test_notices_of_a_commune(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


def test_paragraphs_stay_apart() -> None:
    text = "\n\n".join(item["text"] for item in ANNOUNCEMENTS.values())
    assert len(normalise(text).splitlines()) == len(ANNOUNCEMENTS)
