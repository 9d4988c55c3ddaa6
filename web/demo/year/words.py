"""What is said in a year of a district: announcements of every category, names of people and places."""

from datetime import date

from msgspec import Struct

from scheduler.announcements.models import Category


class Item(Struct, frozen=True):
    """Something that is announced; `{day}` in a text is a day of that week."""

    title: str
    category: Category
    tags: tuple[str, ...]
    text: str


ITEMS = (
    Item(
        "Lịch tiêm chủng mở rộng tháng này", Category.HEALTH, ("y tế", "trẻ em"),
        "Trạm Y tế xã thông báo lịch tiêm chủng mở rộng. Sáng thứ Bảy, từ 7 giờ 30 phút, tiêm cho trẻ từ 2 đến 18"
        " tháng tuổi tại trạm. Bà con nhớ mang sổ tiêm và cho trẻ ăn nhẹ trước khi đi. Thôn ở xa có đội lưu động "
        "buổi chiều.",
    ),
    Item(
        "Phòng chống sốt xuất huyết", Category.HEALTH, ("y tế", "dịch bệnh"),
        "Đang mùa muỗi sinh sản. Đề nghị mỗi gia đình đậy kín lu vại, lật úp đồ chứa nước mưa, ngủ mùng cả ban "
        "ngày. Người sốt cao liền hai ngày cần đến trạm y tế, không tự truyền dịch ở nhà.",
    ),
    Item(
        "Chăm sóc cây quế non mùa mưa", Category.FARMING, ("quế Trà My", "khuyến nông"),
        "Cán bộ khuyến nông hướng dẫn: mùa mưa bà con phát cỏ quanh gốc quế non, đắp gốc và khơi rãnh thoát nước."
        " Cây bị vàng lá, thối rễ thì nhổ bỏ, rắc vôi rồi mới trồng dặm. Cần giống, đăng ký ở uỷ ban trước ngày "
        "20.",
    ),
    Item(
        "Bảo vệ vườn sâm Ngọc Linh", Category.FARMING, ("sâm Ngọc Linh", "khuyến nông"),
        "Các chốt sâm thay nhau tuần tra ban đêm. Ai thấy người lạ mang sâm xuống núi thì báo ngay công an xã. Bà"
        " con không bón phân hoá học cho sâm dưới ba năm tuổi.",
    ),
    Item(
        "Tiêm phòng lở mồm long móng cho trâu bò", Category.FARMING, ("chăn nuôi", "thú y"),
        "Tổ thú y tiêm phòng cho trâu bò trong tuần này, mỗi thôn một buổi sáng. Bà con nhốt gia súc lại, chuẩn "
        "bị dây và người giữ. Con mới sinh dưới một tháng thì chưa tiêm.",
    ),
    Item(
        "Lịch họp thôn cuối tháng", Category.NOTICE, ("họp thôn",),
        "Tối thứ Sáu, 19 giờ, họp thôn tại nhà sinh hoạt cộng đồng. Nội dung: bình xét gia đình văn hoá, công "
        "khai tiền điện chiếu sáng và góp ý đường vào khu sản xuất. Mỗi hộ cử một người đến dự.",
    ),
    Item(
        "Nhận tiền hỗ trợ bảo vệ rừng", Category.NOTICE, ("dịch vụ môi trường rừng", "chi trả"),
        "Quỹ bảo vệ rừng chi trả đợt hai cho các nhóm hộ. Trưởng nhóm mang căn cước và sổ nhận khoán đến uỷ ban "
        "xã từ thứ Hai đến thứ Tư. Ai không đi được thì uỷ quyền có chữ ký của trưởng thôn.",
    ),
    Item(
        "Cấp căn cước lưu động tại xã", Category.NOTICE, ("thủ tục", "VNeID"),
        "Công an về xã làm căn cước và VNeID trong hai ngày cuối tuần, từ 7 giờ đến 17 giờ. Người trên 14 tuổi "
        "chưa có căn cước nên đi đợt này, mang theo giấy khai sinh. Người già yếu được làm tại nhà.",
    ),
    Item(
        "Tạm ngừng cấp điện để sửa đường dây", Category.UTILITIES, ("điện",),
        "Điện lực tạm ngừng cấp điện từ 6 giờ đến 16 giờ 30 phút để sửa đường dây 22 kV. Bà con rút phích cắm các"
        " thiết bị, không đến gần cột điện đang thi công. Có điện sớm hơn sẽ không báo trước.",
    ),
    Item(
        "Súc rửa bể nước tự chảy", Category.UTILITIES, ("nước sạch",),
        "Tổ quản lý nước súc rửa bể đầu nguồn vào sáng Chủ nhật. Nước sẽ đục đến trưa, bà con trữ nước nấu ăn từ "
        "tối hôm trước và khoá van sau đồng hồ.",
    ),
    Item(
        "Đường lên nóc bị sạt, xe máy đi vòng", Category.SAFETY, ("giao thông",),
        "Đoạn đường bê tông qua suối bị sạt mất nửa mặt. Xe máy đi chậm sát vách núi, xe tải không qua. Học sinh "
        "đi học có dân quân đứng trực ở hai đầu vào giờ đến lớp và tan lớp.",
    ),
    Item(
        "Phòng cháy rừng mùa khô", Category.SAFETY, ("rừng", "phòng cháy"),
        "Cấp cháy rừng đang ở mức bốn. Không đốt nương, không đốt ong, không bỏ tàn thuốc trong rừng. Thấy khói "
        "báo kiểm lâm hoặc trưởng thôn ngay, kể cả ban đêm.",
    ),
    Item(
        "Cảnh giác lừa đảo qua điện thoại", Category.SAFETY, ("an ninh",),
        "Có người tự xưng công an gọi điện bảo cài phần mềm và chuyển tiền. Công an không bao giờ làm việc như "
        "vậy. Nghe xong thì tắt máy, không đọc mã số, và báo cho công an viên của thôn.",
    ),
    Item(
        "Học sinh nghỉ tránh mưa lũ", Category.SCHOOL, ("trường học", "mưa lũ"),
        "Phòng Giáo dục cho học sinh các điểm trường nghỉ học ngày mai vì mưa lớn. Học sinh bán trú ở lại trường,"
        " có thầy cô trực. Phụ huynh không cho con qua suối đón bạn.",
    ),
    Item(
        "Tuyển sinh lớp một và mẫu giáo", Category.SCHOOL, ("trường học", "tuyển sinh"),
        "Nhà trường nhận hồ sơ vào lớp một và mẫu giáo đến hết tháng. Hồ sơ gồm giấy khai sinh bản sao và mã định"
        " danh của cháu. Gia đình khó khăn được hỗ trợ sách vở, đăng ký với cô giáo cắm bản.",
    ),
    Item(
        "Lễ hội mừng lúa mới", Category.CULTURE, ("lễ hội", "văn hoá"),
        "Xã tổ chức mừng lúa mới ở sân nhà làng từ chiều thứ Bảy: dựng nêu, đánh chiêng, thi giã gạo. Mỗi thôn "
        "một đội cồng chiêng. Bà con giữ vệ sinh, không mang rượu cho học sinh.",
    ),
    Item(
        "Giải bóng đá thanh niên bốn xã", Category.CULTURE, ("thể thao", "thanh niên"),
        "Giải bóng đá thanh niên khai mạc 14 giờ Chủ nhật tại sân trung tâm. Đội của xã đá trận đầu. Đoàn thanh "
        "niên bố trí xe cho cổ động viên ở các thôn xa, tập trung lúc 12 giờ.",
    ),
    Item(
        "Tin gió mùa đông bắc và rét đậm", Category.DISASTER, ("thời tiết", "rét"),
        "Từ đêm nay gió mùa đông bắc tràn về, nhiệt độ thấp nhất 11 độ. Bà con che chắn chuồng trại, cho trâu bò "
        "ăn rơm khô và uống nước ấm, không đốt than trong phòng kín.",
    ),
    Item(
        "Nguy cơ sạt lở ở khu vực ven suối", Category.DISASTER, ("mưa lũ", "sạt lở"),
        "Mưa to kéo dài, đất đã no nước. Hộ ở chân taluy và ven suối chuẩn bị giấy tờ, đèn pin, nước uống, sẵn "
        "sàng đi khi có lệnh. Nghe tiếng động lạ trên núi thì chạy ngay, không quay lại lấy đồ.",
    ),
    Item(
        "Gương làm kinh tế giỏi", Category.NEWS, ("người tốt việc tốt",),
        "Anh Hồ Văn Nhiên ở Thôn 2 trồng quế xen chuối, nuôi dê, mỗi năm để ra hơn một trăm triệu đồng. Anh sẵn "
        "sàng chỉ cách làm và cho mượn dê giống, bà con đến tận nhà hỏi thăm.",
    ),
    Item(
        "Kết quả kỳ họp Hội đồng nhân dân", Category.NEWS, ("hội đồng nhân dân",),
        "Hội đồng nhân dân đã quyết nghị làm thêm ba tuyến đường bê tông, sửa trạm y tế và lắp thêm loa ở các nóc"
        " xa. Ý kiến của cử tri về nước sinh hoạt được giao cho tổ quản lý nước trả lời trong tháng.",
    ),
)  # fmt: skip
RAIN = (9, 10, 11, 12)
MORNING, EVENING = "Bản tin sáng", "Bản tin chiều"
RELAY = "Tiếp sóng Thời sự VOV1"

WOMEN = tuple(
    f"{family} {given}"
    for family in ("Hồ Thị", "Nguyễn Thị", "Trần Thị", "Phạm Thị", "Alăng Thị")
    for given in ("Lan", "Hoa", "Thuỷ", "Hạnh", "Liên", "Yến", "Hiền", "Ngân", "Loan", "Vân", "Mai")
)
MEN = tuple(
    f"{family} {given}"
    for family in ("Hồ Văn", "Nguyễn Văn", "Lê Quang", "Đinh Văn", "Zơ Râm")
    for given in ("Minh", "Bảo", "Dũng", "Sơn", "Tâm", "Phúc", "Đức", "Tuấn", "Khánh", "Huy", "Lộc")
)
PEOPLE = tuple(name for pair in zip(WOMEN, MEN, strict=True) for name in pair)
FIRST = ("Trà", "Đại", "Quế", "Bình", "Tam", "Duy", "Tiên", "Phước", "Điện", "Hoà", "Nam", "Thăng", "Núi", "Sông")
SECOND = (
    "An", "Bình", "Cang", "Dương", "Đông", "Giang", "Hiệp", "Khê", "Lâm", "Mỹ", "Nghĩa", "Ninh", "Phú", "Quang",
    "Sơn", "Thạnh", "Thọ", "Trung", "Tường", "Vinh", "Xuân", "Yên", "Lộc",
)  # fmt: skip

FEEDBACK = (
    ("not_heard", "Nhà tôi ở cuối nóc, mấy hôm nay không nghe loa buổi sáng."),
    ("loudness", "Loa gần trường kêu to quá, trưa các cháu không ngủ được."),
    ("content", "Xin đọc lại lịch chi trả tiền rừng, tôi nghe không kịp."),
    ("other", "Cảm ơn xã đã báo sạt lở sớm, cả xóm đi kịp."),
    ("not_heard", "Từ hôm có sét loa chỉ rè rè, không ra tiếng."),
    ("content", "Đề nghị phát thêm bằng tiếng Ca Dong cho người già."),
    ("loudness", "Loa ở nhà sinh hoạt nhỏ quá, mưa là không nghe gì."),
    ("other", "Bản tin chiều nên dời sau 17 giờ 30, giờ đó bà con còn trên rẫy."),
)
TROUBLE = (
    "Loa không kêu từ tối qua.",
    "Cột loa bị nghiêng sau bão.",
    "Mất điện ở trụ, đèn không sáng.",
    "Tiếng rè, lúc có lúc không.",
)
FAULTS = (
    ("disk_full", "3145728 bytes less are free than must be"),
    ("clock_untrusted", "no time server keeps the clock and the centre has another time"),
    ("microphone", "microphone usb: it gives nothing"),
    ("horn_not_heard", "the microphone did not hear what was last played"),
    ("data_budget_near", "90 % of this month's 900 MB are used"),
    ("audio_device", "device-silent"),
    ("contact_stuck", "stop"),
    ("bank_missing", "flood.1, storm.1"),
)


def of_day(day: date, part: int) -> tuple[Item, Item, Item]:
    """What a bulletin of this day says: one of fourteen; in the rainy months the weather is in most of them."""
    number = (day.toordinal() * 2 + part) % 7
    chosen = [ITEMS[(number * 5 + place * 8) % len(ITEMS)] for place in range(3)]
    if day.month in RAIN:
        chosen[0] = ITEMS[18]
    return chosen[0], chosen[1], chosen[2]


def spoken(items: tuple[Item, ...]) -> str:
    return "\n".join(item.text for item in items)


def all_texts() -> list[str]:
    """Everything that is said in any year."""
    days = [date(2025, month, day) for month in (6, 10) for day in range(1, 8)]
    bulletins = [spoken(of_day(day, part)) for day in days for part in (0, 1)]
    return list(dict.fromkeys([*(item.text for item in ITEMS), *bulletins]))
