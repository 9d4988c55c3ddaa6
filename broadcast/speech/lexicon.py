"""Words of the field that a general normaliser does not know: abbreviations, units, letters. Pure data.

Keys are matched exactly, case and all, as whole words; values are lower-case words only.
"""

LETTERS = {
    "a": "a", "b": "bê", "c": "xê", "d": "dê", "đ": "đê", "e": "e", "f": "ép", "g": "giê", "h": "hát", "i": "i",
    "j": "gi", "k": "ca", "l": "e lờ", "m": "em mờ", "n": "en nờ", "o": "o", "p": "pê", "q": "quy", "r": "e rờ",
    "s": "ét", "t": "tê", "u": "u", "v": "vê", "w": "vê kép", "x": "ích", "y": "i", "z": "dét",
}  # fmt: skip

ABBREVIATIONS = {
    # bodies
    "UBND": "ủy ban nhân dân", "HĐND": "hội đồng nhân dân", "MTTQ": "mặt trận tổ quốc",
    "UBMTTQ": "ủy ban mặt trận tổ quốc", "UBMTTQVN": "ủy ban mặt trận tổ quốc việt nam",
    "MTTQVN": "mặt trận tổ quốc việt nam", "BCH": "ban chỉ huy", "BCĐ": "ban chỉ đạo", "BTC": "ban tổ chức",
    "BQL": "ban quản lý", "HTX": "hợp tác xã", "CLB": "câu lạc bộ", "TNHH": "trách nhiệm hữu hạn",
    "LHPN": "liên hiệp phụ nữ", "CCB": "cựu chiến binh", "TNCS": "thanh niên cộng sản", "ĐTN": "đoàn thanh niên",
    "HND": "hội nông dân", "HCM": "hồ chí minh", "VN": "việt nam", "TW": "trung ương", "TƯ": "trung ương",
    "T.Ư": "trung ương", "CSGT": "cảnh sát giao thông", "CA": "công an", "QK": "quân khu",
    "TDP": "tổ dân phố", "KP": "khu phố", "CBCC": "cán bộ công chức", "NCT": "người cao tuổi",
    # schools
    "THCS": "trung học cơ sở", "THPT": "trung học phổ thông", "TH": "tiểu học", "MN": "mầm non",
    "TH&THCS": "tiểu học và trung học cơ sở",
    "PTDTBT": "phổ thông dân tộc bán trú", "PTDTNT": "phổ thông dân tộc nội trú", "GD&ĐT": "giáo dục và đào tạo",
    "GDĐT": "giáo dục và đào tạo", "HS": "học sinh", "GV": "giáo viên",
    # papers, insurance, services
    "BHYT": "bảo hiểm y tế", "BHXH": "bảo hiểm xã hội", "BHTN": "bảo hiểm thất nghiệp",
    "CCCD": "căn cước công dân", "CMND": "chứng minh nhân dân", "TTHC": "thủ tục hành chính",
    "DVC": "dịch vụ công", "DVCTT": "dịch vụ công trực tuyến", "CSDL": "cơ sở dữ liệu", "NLĐ": "người lao động",
    "SĐT": "số điện thoại", "ĐT": "điện thoại", "ĐTDĐ": "điện thoại di động",
    "sđt": "số điện thoại", "đt": "điện thoại", "Đt": "điện thoại",
    # duties and campaigns
    "NVQS": "nghĩa vụ quân sự", "PCCC": "phòng cháy chữa cháy", "CNCH": "cứu nạn cứu hộ",
    "PCTT": "phòng chống thiên tai", "TKCN": "tìm kiếm cứu nạn", "PTDS": "phòng thủ dân sự",
    "ATTP": "an toàn thực phẩm", "VSATTP": "vệ sinh an toàn thực phẩm", "ATGT": "an toàn giao thông",
    "ATNĐ": "áp thấp nhiệt đới", "KKL": "không khí lạnh", "KTTV": "khí tượng thủy văn", "BĐ": "báo động",
    "BĐ-VHX": "bưu điện văn hóa xã",
    "PCTT&TKCN": "phòng chống thiên tai và tìm kiếm cứu nạn", "CHQS": "chỉ huy quân sự", "TBA": "trạm biến áp",
    "TYT": "trạm y tế", "TTYT": "trung tâm y tế", "BV": "bệnh viện", "BVĐK": "bệnh viện đa khoa",
    "KCB": "khám chữa bệnh", "LMLM": "lở mồm long móng", "SpO2": "ét pê o hai",
    "NHCSXH": "ngân hàng chính sách xã hội", "PGD": "phòng giao dịch", "MTV": "một thành viên",
    "LH": "liên hệ", "STK": "số tài khoản", "MST": "mã số thuế",
    "SXH": "sốt xuất huyết", "TCMR": "tiêm chủng mở rộng", "KT-XH": "kinh tế xã hội", "KTXH": "kinh tế xã hội",
    "ANTT": "an ninh trật tự", "QPAN": "quốc phòng an ninh", "QP-AN": "quốc phòng an ninh",
    "NTM": "nông thôn mới", "OCOP": "ô cốp", "CNTT": "công nghệ thông tin", "CĐS": "chuyển đổi số",
    "TDTT": "thể dục thể thao", "GTVT": "giao thông vận tải", "GTNT": "giao thông nông thôn",
    "NN&PTNT": "nông nghiệp và phát triển nông thôn", "NN": "nông nghiệp", "TN&MT": "tài nguyên và môi trường",
    "TNMT": "tài nguyên và môi trường", "KH&CN": "khoa học và công nghệ", "LĐTBXH": "lao động thương binh và xã hội",
    "LĐ-TB&XH": "lao động thương binh và xã hội", "HIV": "hát i vê", "AIDS": "ết",
    # phones, networks, money
    "VNeID": "vi en i ai đi", "VNEID": "vi en i ai đi", "VNeid": "vi en i ai đi", "VssID": "vi ét ét ai đi",
    "OTP": "ô tê pê", "QR": "quy rờ", "ID": "ai đi", "IP": "ai pi", "IOC": "ai ô xi", "TV": "ti vi",
    "SMS": "ét em ét", "ATM": "a tê mờ", "VNPT": "vi en pi ti", "EVN": "e vê en", "VND": "đồng", "VNĐ": "đồng",
    "vnđ": "đồng", "USD": "đô la mỹ", "FM": "ép em", "pH": "pê hát",
    # roads
    "QL": "quốc lộ", "TL": "tỉnh lộ", "ĐH": "đường huyện", "ĐX": "đường xã",
    # short forms of writing
    "v/v": "về việc", "V/v": "về việc", "V/V": "về việc", "đ/c": "đồng chí", "Đ/c": "đồng chí", "T/M": "thay mặt",
    "CN": "chủ nhật", "ko": "không", "tp": "thành phố", "t/h": "thực hiện",
}  # fmt: skip

TITLES = {
    "TP": "thành phố", "Tp": "thành phố", "tp": "thành phố", "TX": "thị xã", "TT": "thị trấn", "P": "phường",
    "Q": "quận", "H": "huyện", "X": "xã", "BS": "bác sĩ", "GS": "giáo sư", "PGS": "phó giáo sư", "TS": "tiến sĩ",
    "ThS": "thạc sĩ", "KS": "kỹ sư", "Ô": "ông",
}  # fmt: skip
"""Read so before a name ("TP. Đà Nẵng", "BS Nam"); with one letter only where a full stop follows."""

PAPERS = {
    "QĐ": "quyết định", "NĐ": "nghị định", "NQ": "nghị quyết", "TT": "thông tư", "CT": "chỉ thị",
    "KH": "kế hoạch", "TB": "thông báo", "BC": "báo cáo", "CV": "công văn", "CĐ": "công điện", "TTr": "tờ trình",
    "HD": "hướng dẫn", "PA": "phương án", "GM": "giấy mời", "CP": "chính phủ", "TTg": "thủ tướng",
    "HU": "huyện ủy", "ĐU": "đảng ủy", "TU": "tỉnh ủy", "KL": "kết luận", "QH": "quốc hội",
    "UBTVQH": "ủy ban thường vụ quốc hội", "TTLT": "thông tư liên tịch", "BTC": "bộ tài chính", "BYT": "bộ y tế",
    "BCA": "bộ công an", "BQP": "bộ quốc phòng", "BNV": "bộ nội vụ", "BGDĐT": "bộ giáo dục và đào tạo",
}  # fmt: skip
"""The parts of an official paper's number, as in 20/2024/QĐ-UBND."""

UNITS = {
    "km": "ki lô mét", "m": "mét", "dm": "đề xi mét", "cm": "xăng ti mét", "mm": "mi li mét",
    "km2": "ki lô mét vuông", "m2": "mét vuông", "cm2": "xăng ti mét vuông", "ha": "héc ta",
    "KM": "ki lô mét", "Km": "ki lô mét", "CM": "xăng ti mét", "MM": "mi li mét", "M2": "mét vuông",
    "KM2": "ki lô mét vuông", "M3": "mét khối",
    "m3": "mét khối", "cm3": "xăng ti mét khối", "km3": "ki lô mét khối", "l": "lít", "L": "lít",
    "ml": "mi li lít", "mL": "mi li lít", "cc": "xê xê",
    "kg": "ki lô gam", "Kg": "ki lô gam", "KG": "ki lô gam", "g": "gam", "mg": "mi li gam", "mcg": "mi crô gam",
    "kV": "ki lô vôn", "KV": "ki lô vôn", "kv": "ki lô vôn", "V": "vôn", "mA": "mi li am pe", "W": "oát",
    "kW": "ki lô oát", "KW": "ki lô oát", "MW": "mê ga oát", "kWh": "ki lô oát giờ", "KWh": "ki lô oát giờ",
    "kVA": "ki lô vôn am pe", "KVA": "ki lô vôn am pe", "Hz": "héc", "kHz": "ki lô héc", "MHz": "mê ga héc",
    "dB": "đề xi ben", "hPa": "héc tô pát can", "mmHg": "mi li mét thủy ngân", "mmol": "mi li mon",
    "kcal": "ki lô ca lo", "KB": "ki lô bai", "MB": "mê ga bai", "GB": "gi ga bai", "Mbps": "mê ga bít trên giây",
    "°C": "độ xê", "oC": "độ xê", "°F": "độ ép", "°": "độ", "%": "phần trăm", "‰": "phần nghìn",
    "s": "giây", "h": "giờ", "'": "phút", "đ": "đồng", "đồng": "đồng", "VND": "đồng", "VNĐ": "đồng",
    "vnđ": "đồng", "vnd": "đồng", "$": "đô la", "USD": "đô la mỹ", "tr": "triệu đồng", "trđ": "triệu đồng",
    "k": "nghìn đồng",
}  # fmt: skip

LONE_UNITS = frozenset(
    {"km", "Km", "KM", "cm", "mm", "MM", "dm", "kg", "Kg", "mg", "ml", "km2", "m2", "cm2", "m3", "kV", "kW", "kWh"}
    | {"MW", "kVA", "Hz", "kHz", "MHz", "dB", "hPa", "mmHg", "°C", "oC", "°F", "°", "%", "‰"}
)
"""Units that mean nothing else, and so are read as units without a number before them."""

MONEY = frozenset({"đồng", "nghìn đồng", "triệu đồng", "đô la", "đô la mỹ"})
"""After money a stroke means "for each": 20.000 đồng/kg."""

WORDS_TOO = frozenset({"CA", "TƯ"})
"""Abbreviations that are words as well, and so are words in a heading: CA NÔ, THỨ TƯ."""

LINK_WORDS = {
    "gov": "gốp", "com": "com", "vn": "vê en", "net": "nét", "org": "o rờ gờ", "edu": "ê đu", "info": "in phô",
    "gmail": "gờ meo", "yahoo": "da hu", "dichvucong": "dịch vụ công", "vneid": "vi en i ai đi",
    "quangnam": "quảng nam", "danang": "đà nẵng", "namtramy": "nam trà my", "facebook": "phây búc", "zalo": "da lô",
    "youtube": "diu túp", "chinhphu": "chính phủ", "baohiemxahoi": "bảo hiểm xã hội", "ubnd": "ủy ban nhân dân",
}  # fmt: skip

LINK_SIGNS = {".": " chấm ", "/": " gạch chéo ", "-": " gạch ngang ", "_": " gạch dưới ", "@": " a còng "}

SIGNS = {
    "&": " và ", "@": " a còng ", ">=": " lớn hơn hoặc bằng ", "<=": " nhỏ hơn hoặc bằng ", "=": " bằng ",
    "±": " cộng trừ ", "≥": " lớn hơn hoặc bằng ",
    "≤": " nhỏ hơn hoặc bằng ", "<": " dưới ", ">": " trên ", "≈": " khoảng ", "~": " khoảng ", "×": " nhân ",
    "(": ", ", ")": ", ", "[": ", ", "]": ", ", "|": ", ", "→": ", ", "/": ", ", "•": ", ", "+": " cộng ",
    "%": " phần trăm ", "‰": " phần nghìn ", "°": " độ ", "$": " đô la ",
}  # fmt: skip

EMERGENCY_NUMBERS = ("111", "112", "113", "114", "115", "116", "117", "118", "119", "156", "1022", "1080")
