"""Numbers in their many clothes to words: quantities, money, dates, times, telephones, papers, Roman numerals. Pure.

Each rule is a pattern and what to write instead. Rules run in the order of RULES, the narrow before the wide, on one
line of text; what no rule knows (a plain 18, năm 2019) is left to the general engine.
"""

import re
from collections.abc import Callable

from vietnormalizer import VietnameseTextProcessor

from broadcast.speech.lexicon import ABBREVIATIONS, EMERGENCY_NUMBERS, LETTERS, LONE_UNITS, MONEY, PAPERS, UNITS

Match = re.Match[str]
Rule = tuple[re.Pattern[str], Callable[[Match], str]]

MAX_CARDINAL_DIGITS = 12
"""Longer numbers are codes: nobody follows a quadrillion by ear."""

_engine = VietnameseTextProcessor()

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_DASH = r"\s*[-–—]\s*"
_NUMBER = r"(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d{1,3}(?:,\d{3}){2,}|\d+(?:[.,]\d+)?)"
_START = r"(?<![\w.,/-])"
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_YEAR = r"([12]\d{3})"
_NOT_MORE = r"(?![\d/]|[.,]\d|\s*%)"
_ROMAN = r"([IVX]+)\b"
_DOSED = "viên|gói|ống|liều|giọt|thìa|muỗng|cốc|ly|chén|bát|chai|lọ|bao|lít|lạng|kg|ml|mg"
_MEASURED = (
    rf"(?:°|(?:{_DOSED}|lần|bữa|cữ|g|h|giờ|độ|người|hộ|con|quả|chuyến|triệu|nghìn|mm|m|tháng|h[ằà]ng|[Tt]ết|buổi|đợt|"
    r"ngày|tuổi|tấn|tạ|yến|cuộc|vụ|suất)\b)"
)
"""A number before these is never a day: uống 1/2 viên, ngày 2-3 lần."""
_SHARED = "ngày|tháng|số|tổng|diện tích|dân số|sào|tấn|tạ|yến|suất|lượng|quãng|đoạn|con đường|mặt đường|đường ống"
_COUNTED = (
    "hộ|thành viên|thôn|xã|huyện|phường|đại biểu|phiếu|người|cụm|dân|ngầm|nhà(?! (?:máy|nước|thầu|trường|văn))|nóc|cầu|"
    "tuyến|công trình|tiêu chí|chỉ tiêu|điểm|trường|khẩu|trẻ|cháu|em|học sinh|đơn vị|trạm|hồ(?! sơ)|đập|lớp|loa|đội|"
    "tổ(?! chức)|chi bộ|đảng viên|hội viên|đoàn viên|trụ|cột|tàu|thuyền"
)
_BEFORE_A_DAY = (
    r"ngày|(?:hôm|sáng|trưa|chiều|tối|đêm)(?: (?:nay|qua|mai))?|mai|từ|đến|trước|sau|tới|hết|thứ \w+|chủ nhật|CN|giờ|"
    r"dịp|lễ|nhân|mừng|kỷ niệm|quốc khánh|lao động|thiếu nhi|vào|hạn|khai giảng|lễ \d{1,2}/\d{1,2} và|"
    r"phút|\d{1,2}[hg:]\d{0,2}"
)
_PER_WORDS = (
    "ngày|đêm|tuần|tháng|quý|năm|giờ|phút|lần|hộ|người|khẩu|con|cây|ha|sào|kg|tấn|buổi|vụ|cháu|em|học sinh|suất|xe|"
    "lượt|ca|đợt|trẻ"
)
_PAPER_WORDS = (
    "định", "thư", "tư", "bản", "văn", "hoạch", "báo", "trình", "quyết", "thị", "mời", "dẫn", "cáo", "luật", "nhà",
    "lệnh",
)  # fmt: skip


def cardinal(digits: str) -> str:
    """A whole number in words; a code (leading zeros, or too long to grasp) digit by digit."""
    plain = digits.lstrip("0") or "0"
    if len(digits) > MAX_CARDINAL_DIGITS or (len(digits) > 2 and digits[0] == "0"):  # noqa: PLR2004 "05" is five
        return spell_digits(digits)
    return str(_engine.number_to_words(plain))


def spell_digits(digits: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def quantity(number: str) -> str:
    """Words for 10.000 and 1,234,567 (thousands) and for 1,1 and 1.5 and 0,05 (decimals)."""
    if re.fullmatch(r"\d{1,3}(,\d{3}){2,}", number):
        return cardinal(number.replace(",", ""))
    whole, _, fraction = re.sub(r"\.(?=\d{3}(?!\d))", "", number).replace(".", ",").partition(",")
    if not fraction:
        return cardinal(whole)
    by_digit = fraction[0] == "0" or len(fraction) > 2  # noqa: PLR2004 "7,27" is read as a pair, "3,141" is not
    return f"{cardinal(whole)} phẩy {spell_digits(fraction) if by_digit else cardinal(fraction)}"


def roman(numeral: str) -> int | None:
    """The value of a well-formed numeral below forty (I to XXXIX), else None."""
    tens = len(numeral) - len(numeral.lstrip("X"))
    ones = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
    rest = numeral[tens:]
    if rest not in ones or tens > 3 or not numeral:  # noqa: PLR2004 XL and above are not written in notices
        return None
    return 10 * tens + ones.index(rest)


def _day(day: str) -> str:
    return f"mùng {cardinal(day)}" if int(day) <= 10 else cardinal(day)  # noqa: PLR2004 so the days 1 to 10 are called


def _month(month: str) -> str:
    return "tư" if int(month) == 4 else cardinal(month)  # noqa: PLR2004 April alone has a word of its own


def _date(day: str, month: str, year: str | None = None) -> str:
    return f"ngày {_day(day)} tháng {_month(month)}" + (f" năm {cardinal(year)}" if year else "")


def _time(hour: str, minute: str | None, second: str | None = None) -> str:
    words = f"{cardinal(hour)} giờ"
    if minute and (int(minute) or second):
        words += f" {cardinal(minute)} phút"
    return words + (f" {cardinal(second)} giây" if second else "")


def _telephone(found: Match) -> str:
    text = re.sub(r"\(?\+84\)?[ .]?", "0", found[0])
    digits = re.sub(r"\D", "", text)
    if not (9 <= len(digits) <= 11):  # noqa: PLR2004 what Vietnamese numbers have, area code and all
        return found[0]
    groups = re.findall(r"\d+", text)
    if len(groups) == 1:
        groups = [digits[:4], digits[4:7], digits[7:]]
    return ", ".join(spell_digits(group) for group in groups)


def _service_numbers(found: Match) -> str:
    if found["cue"].strip().casefold() == "số" and found["before"].casefold() in _PAPER_WORDS:
        return found[0]
    spoken = re.sub(r"\d+", lambda number: spell_digits(number[0]), found["numbers"])
    return found["before"] + found["gap"] + found["cue"] + spoken


def _paper(found: Match) -> str:
    """What kind of paper it is, is said once, where its name stands before the number: Nghị định 49/2024/NĐ-CP."""
    kind, link, number, year, code = found["kind"], found["link"], found["number"], found["year"], found["code"]
    first, *rest = re.split("[-/]", code)
    if kind and PAPERS.get(first) == PAPERS.get(kind, kind.lower()):
        code = "-".join(rest)
    parts = [cardinal(number), cardinal(year) if year else "", _paper_code(code)]
    return f"{PAPERS.get(kind, kind)}{link}" * bool(kind) + " trên ".join(part for part in parts if part)


def _paper_code(code: str) -> str:
    return " ".join(_paper_part(part) for part in re.split("[-/]", code) if part)


def _paper_part(part: str) -> str:
    body = part.rstrip("0123456789")
    words = PAPERS.get(body) or ABBREVIATIONS.get(body) or letters(body)
    return f"{words} khóa {cardinal(part[len(body) :])}" if body != part else words


def _fraction(found: Match) -> str:
    """1/2 viên and 8/10 nhà; what is no share, or follows a word as "sáng" does, is left to be a day."""
    top, bottom, doses, shares = found["top"], found["bottom"], found["doses"], found["shares"]
    if not doses and (found["day"] or found["whole"] or int(top) > int(bottom)):
        return found[0]
    said = f"{cardinal(top)} phần {_month(bottom)}" if doses or shares else f"{cardinal(top)} trên {cardinal(bottom)}"
    return (found["day"] or "") + (f"{cardinal(found['whole'])} và " if found["whole"] else "") + said


def _months(found: Match) -> str:
    word, first, last, year = found.groups()
    return f"{word} {_month(first)} đến tháng {_month(last)}" + (f" năm {cardinal(year)}" if year else "")


def _per(found: Match) -> str:
    return found[1] + "".join(f" một {UNITS.get(part, part)}" for part in found[2].split("/")[1:])


def _water_level(found: Match) -> str:
    levels = [str(roman(level) or level) for level in found.groups() if level]
    return "báo động " + " đến ".join(cardinal(level) for level in levels)


def _place_on_the_map(found: Match) -> str:
    number, degrees, side = found.groups()
    if number.isdecimal() and not degrees:
        return found[0]
    return f"{quantity(number)} độ {'vĩ bắc' if side == 'N' else 'kinh đông'}"


def _number_plate(found: Match) -> str:
    place, series, number = found.groups()
    kind = " ".join(spell_digits(char) or letters(char) for char in series)
    return f"{spell_digits(place)} {kind}, {spell_digits(number)}"


def letters(code: str) -> str:
    """A code spelled by the names of its letters."""
    return " ".join(LETTERS.get(letter, letter) for letter in code.lower())


def _rate(unit: str, per: str) -> str:
    """The unit and what follows its strokes: "km", "/h" → "ki lô mét trên giờ"."""
    word = UNITS[unit]
    link = "một" if word in MONEY else "trên"
    return " ".join([word, *(f"{link} {_per_unit(part)}" for part in per.split("/") if part)])


def _per_unit(part: str) -> str:
    return UNITS.get(part) or UNITS.get(part.lower(), part)


def _numeral(found: Match) -> str:
    values = [roman(numeral) for numeral in (found[2], found[3]) if numeral]
    ordinal = {1: "nhất", 4: "tư"} if found[1].casefold().rstrip().endswith("thứ") else {}
    words = [ordinal.get(value) or cardinal(str(value)) for value in values if value is not None]
    return found[1] + " đến ".join(words) if len(words) == len(values) else found[0]


def _bare_numeral(found: Match) -> str:
    value = roman(found[1])
    return found[0] if value is None else cardinal(str(value))


_PAPERS_BY_NUMBER = ("NĐ", "NQ", "QĐ")
"""Called by their number alone; CP 888 and BC 15 are seeds."""


def _code(found: Match) -> str:
    prefix, number, suffix = found.groups()
    paper = PAPERS[prefix] if prefix in _PAPERS_BY_NUMBER and " " in found[0] else None
    start = "đường tỉnh" if prefix == "ĐT" else ABBREVIATIONS.get(prefix) or paper or letters(prefix)
    return " ".join(part for part in (start, cardinal(number), letters(suffix)) if part)


def _alternatives(words: object) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_PAPER = (
    rf"(?:\b(?P<kind>(?i:{_alternatives(set(PAPERS.values()))})|{_alternatives(PAPERS)})(?P<link>\s+(?:(?i:số):?\s+)?))?"
    r"(?<![\w/])(?P<number>\d+)"
)
_SEAT = r"(?P<code>(?:[A-ZĐƯ]+[a-z]?-)*[A-ZĐƯ]{2,}(?:[a-z]|1\d)?)\b"
_UNIT = f"({_alternatives(UNITS)})"
_PER = r"((?:/(?:[^\W\d_]+[23]?))*)"
_PLACE = r"\b((?:số|nhà|lớp|phòng|hẻm|ngõ|ngách|kiệt|thửa|tờ|quân số|tỷ lệ|tỉ lệ|tỷ số)\s+)"
_PHONE_CUE = r"tổng đài|hotline|đường dây nóng|điện thoại|số máy|đầu số|SĐT|ĐT|sđt|đt"
_OWN_NUMBER = (
    "CMND|CCCD|căn cước công dân|căn cước|định danh|tài khoản|STK|mã số|mã số thuế|MST|BHXH|BHYT|mã số hộ|mã khách hàng"
)
_EMERGENCY = f"(?:{'|'.join(EMERGENCY_NUMBERS)})"
_RESCUED = (
    "trường hợp|bệnh nhân|nạn nhân|cán bộ|chiến sĩ|đồng chí|đám|căn|nhà|ha|héc ta|ca|vụ|lượt|"
    "con|xe|tàu|thuyền|ngư dân|dân quân|học sinh|thành viên|chuyến"
)
"""What is counted after these words: chữa cháy 114 ha is no call for 114."""
_RESCUE = "cấp cứu|cứu thương|cứu hỏa|cứu hoả|cứu hộ|cứu nạn|chữa cháy|công an|cảnh sát"
_LIST = r"(?:\s*(?:,|;|và|hoặc|hay|/|-|–)\s*"
_NUMERAL_WORDS = (
    "báo động|cấp|loại|chương|mục|phần|khóa|khoá|lần|quý|thế kỷ|đợt|kỳ|kì|hạng|vùng|nhóm|bậc|tập|lần thứ|thứ|"
    "giai đoạn|khu vực"
)


def _rule(pattern: str, write: Callable[[Match], str] | str, flags: int = 0) -> Rule:
    if isinstance(write, str):
        template = write
        return re.compile(pattern, flags), lambda found: found.expand(template)
    return re.compile(pattern, flags), write


RULES: tuple[Rule, ...] = (
    _rule(r"(\d+)\u2044(\d+)", lambda m: f" {cardinal(m[1])} phần {cardinal(m[2])}"),
    _rule(r"(?<=\d)\s*(?:-:-|~|→)\s*(?=\d)", "–"),
    # numbers that are names, and telephones
    _rule(r"(?<=\d{3}) ?[/-] ?(?=0\d{2,3}[ .\-]?\d{3}[ .\-]?\d{3,4}(?!\d))", ", "),
    _rule(rf"(\b(?:{_OWN_NUMBER})(?:\s+số)?\s*:?\s*)(\d(?: ?\d){{7,18}})(?!\w|[.,/-]\d|\s*đ)",
          lambda m: m[1] + ", ".join(spell_digits(group) for group in re.findall(r"\d+", m[2])), re.IGNORECASE),
    _rule(r"(?<![\w.,/])(?:(?:\(?\+84\)?[ .]?|0)\d(?:[ .\-]?\d){7,9}|\(0\d{1,3}\)[ .\-]?\d(?:[ .\-]?\d){5,8})"
          r"(?!\w|[.,/-]\d)", _telephone),
    _rule(r"(?<![\w.,/])(\d\d)([A-Z]\d|[A-Z]{1,2})-(\d{3}\.?\d\d)(?!\w|[.,/-]\d)", _number_plate),
    _rule(r"(?<!năm )(?<![\w.,/])1[89]00(?:[ .]?\d){4,6}(?!\w|[.,/-]\d)", lambda m: ", ".join(
        spell_digits(group) for group in re.findall(r"\d+", m[0]))),
    _rule(
        rf"(?P<before>\w{{0,12}})(?P<gap>\W{{0,3}})"
        rf"(?P<cue>\b(?:{_PHONE_CUE})(?:\s+(?:số|khẩn cấp|của \w+|là))*[\s:]\s*)"
        rf"(?P<numbers>\d{{3,8}}{_LIST}\d{{3,8}})*)(?![\w/]|[.,]\d)",
        _service_numbers, re.IGNORECASE),
    _rule(
        rf"(?P<before>\w{{0,12}})(?P<gap>\W{{0,3}})(?P<cue>\b(?:số|gọi|gọi ngay|báo|(?P<rescue>{_RESCUE}))\s+)"
        rf"(?P<numbers>{_EMERGENCY}{_LIST}{_EMERGENCY})*)(?![\w/]|[.,]\d|\s+(?:đường|phố|người|hộ|em|cháu))"
        rf"(?(rescue)(?!\s+(?:{_RESCUED})\b))",
        _service_numbers, re.IGNORECASE),
    # official papers
    _rule(rf"{_PAPER}(?:/(?P<year>\d{{4}}))?/{_SEAT}", _paper),
    _rule(rf"{_PAPER}(?P<year>)-(?P<code>(?:{_alternatives(PAPERS)})/[A-ZĐƯ]{{2,}})\b", _paper),
    _rule(r"\b((?i:điều|khoản|mục|phần|bài|tiêu chí)\s+)(\d{1,2})\.(\d{1,2})"
          rf"(?![\w/]|[.,]\d|\s*(?:{_alternatives(UNITS)}|triệu|tỷ|nghìn|ngàn|hec)\b)",
          lambda m: f"{m[1]}{cardinal(m[2])} chấm {cardinal(m[3])}"),
    _rule(rf"(?<![\w/])({'|'.join(PAPERS)})-((?:[A-ZĐƯ]+[a-z]?-)*[A-ZĐƯ]{{2,}}[a-z]?)\b",
          lambda m: f"{PAPERS[m[1]]} {_paper_code(m[2])}"),
    # around the clock
    _rule(r"(?<![\w/])24/7(?![\d/])(?<!ngày 24/7)", "hai mươi tư trên bảy"),
    _rule(r"(?<![\w/])24/24(?![\d/])h?", "hai mươi tư trên hai mươi tư"),
    # dates
    _rule(rf"(?<=\d)([hHg]\d{{0,2}}|\s+giờ|\s+phút)\s*/\s*(?={_DAY}/{_MONTH}(?!\d))", r"\1 ngày "),
    _rule(rf"{_PLACE}(\d+)/(\d+)(?:/(\d+))?(?![\d/])", lambda m: m[1] + " trên ".join(
        cardinal(part) for part in m.groups()[1:] if part), re.IGNORECASE),
    _rule(rf"(?P<day>\b(?:{_BEFORE_A_DAY}),?\s+)?{_START}(?:(?P<whole>\d{{1,2}})\s+)?(?P<top>\d{{1,3}})/"
          rf"(?P<bottom>\d{{1,3}})(?=\s*(?:(?P<doses>{_DOSED})|(?P<shares>{_SHARED})|{_COUNTED})\b)",
          _fraction, re.IGNORECASE),
    _rule(r"(?<=[/.\-][12]\d{3})\s*[-–—]\s*(?=(?:(?i:ngày)\s+)?\d{1,2}[/.\-]\d)", " đến "),
    _rule(rf"(\d/\d{{1,2}}){_DASH}(?=(?i:ngày)\s+\d)", r"\1 đến "),
    _rule(rf"(?:\b(?i:ngày):?\s+)?{_START}{_DAY}[/.\-]{_MONTH}{_DASH}{_DAY}[/.\-]{_MONTH}(?:[/.\-]{_YEAR})?{_NOT_MORE}",
          lambda m: f"{_date(m[1], m[2])} đến {_date(m[3], m[4], m[5])}"),
    _rule(rf"(?:\b(?i:ngày):?\s+)?{_START}{_DAY}{_DASH}{_DAY}/{_MONTH}(?:/{_YEAR})?{_NOT_MORE}",
          lambda m: f"ngày {_day(m[1])} đến {_date(m[2], m[3], m[4])}"),
    _rule(rf"(?:\b(?i:ngày):?\s+|\b[Mm][ùồ]ng\s+)?{_START}{_DAY}([/.\-]){_MONTH}\2{_YEAR}{_NOT_MORE}",
          lambda m: _date(m[1], m[3], m[4])),
    _rule(rf"\b((?i:quý|đợt|kỳ|kì|lần|khóa|vòng))\s+(\w+)/{_YEAR}{_NOT_MORE}", r"\1 \2 năm \3"),
    _rule(rf"\b((?i:tháng))\s+{_MONTH}{_DASH}{_MONTH}(?:/{_YEAR})?{_NOT_MORE}(?!\s*{_MEASURED})", _months),
    _rule(rf"(?:\b(?i:tháng)\s+)?{_START}{_MONTH}[/-]{_YEAR}{_NOT_MORE}",
          lambda m: f"tháng {_month(m[1])} năm {cardinal(m[2])}"),
    _rule(rf"\b(?:(?i:ngày):?|[Mm][ùồ]ng)\s+{_DAY}(?:/|[.\-](?!\d+\s*{_MEASURED})){_MONTH}{_NOT_MORE}",
          lambda m: _date(m[1], m[2])),
    _rule(rf"\b((?i:sáng|trưa|chiều|tối|đêm)\s+)(1[3-9]|2\d|3[01])-{_MONTH}{_NOT_MORE}(?!\s*{_MEASURED})",
          lambda m: m[1] + _date(m[2], m[3])),
    _rule(rf"{_START}{_DAY}/{_MONTH}{_NOT_MORE}", lambda m: _date(m[1], m[2])),
    _rule(rf"\b(?i:ngày)\s+{_DAY}\s+tháng\s+{_MONTH}\b", lambda m: _date(m[1], m[2])),
    _rule(r"\b((?i:ngày))\s+(0?[1-9]|10)(?=\s*(?:[,;:)!?]|\.(?!\d)|$|h[ằà]ng tháng|âm lịch|đến|và ngày|tháng))",
          lambda m: f"{m[1]} {_day(m[2])}"),
    _rule(r"\b((?i:tháng))\s+0?4\b(?![.,/]\d)", r"\1 tư"),
    _rule(rf"\bT{_MONTH}/{_YEAR}\b", lambda m: f"tháng {_month(m[1])} năm {cardinal(m[2])}"),
    _rule(rf"\b(T(?:1[0-2]|[2-9])){_DASH}(?=T\d|CN\b)", r"\1 đến "),
    _rule(r"\bT([89]|1[0-2])\b", lambda m: f"tháng {cardinal(m[1])}"),
    _rule(r"\bT([2-7])\b", lambda m: f"thứ {'tư' if m[1] == '4' else cardinal(m[1])}"),
    _rule(rf"\b(thứ\s+[2-7]){_DASH}(?=[2-7]\b)", r"\1 đến thứ ", re.IGNORECASE),
    _rule(rf"\b((thứ|tháng|quý|tuần|lớp|khối|điều|km)\s+\w+){_DASH}(?=(?:\2|CN|chủ nhật)\b)", r"\1 đến ",
          re.IGNORECASE),
    # a sign after a number or a unit stands between two: 15-18 độ
    _rule(rf"(?<![\w.,)°%])(?<!\d )(?<!° )(?<!°C )[-–](?={_NUMBER}\s*(?:(?:đến|[-–—])\s*[-–]?{_NUMBER}\s*)?"
          r"(?:°|độ|oC))", "âm "),
    _rule(r"\b(t[ỷỉ] số\s+)(\d{1,2})\s?[-–]\s?(\d{1,2})(?![\w/]|[.,]\d)",
          lambda m: f"{m[1]}{cardinal(m[2])} {cardinal(m[3])}", re.IGNORECASE),
    # times
    _rule(r"\b(giờ) 00(?!\d)(?: phút)?", r"\1"),
    _rule(rf"(\d giờ(?: \d+(?: phút)?)?){_DASH}(?=\d{{1,2}} giờ)", r"\1 đến "),
    _rule(rf"(?<!\d)(\d{{1,2}}(?:[hHg:]\d{{0,2}}))['p]?{_DASH}(?=\d{{1,2}}[hHg:])", r"\1 đến "),
    _rule(rf"({_NUMBER})\s?({_alternatives(UNITS)})?{_DASH}(?=\d|âm \d)", lambda m: f"{m[1]} {m[2] or ''} đến "),
    _rule(r"(?<![\w.,:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])", lambda m: _time(m[1], m[2], m[3])),
    _rule(r"(?<![\w.,:])([01]?\d|2[0-4])\s?[hHg]([0-5]\d)(?:\s?(?:phút|p|')(?!\w))?(?!\w)",
          lambda m: _time(m[1], m[2])),
    _rule(r"(?<![\w.,:])(\d{1,2})\s?[hH](?![\w/])", lambda m: _time(m[1], None)),
    _rule(r"\b((?:lúc|từ|đến|trước|sau|hồi)\s+)(\d{1,2})g(?!\w)", lambda m: m[1] + _time(m[2], None)),
    # numbers that are names, not counts: the engine would say "số nhất"
    _rule(r"\b((?:lần|bước|phần|chương|tập|số|đợt|kỳ|kì)\s+)(\d{1,12})(?![\w/]|[.,]\d)",
          lambda m: m[1] + cardinal(m[2]), re.IGNORECASE),
    # quantities
    _rule(r"(?<=\d)\s*[x×*]\s*(?=\d)|\s[x×]\s(?=\d)", " nhân "),
    _rule(r"(?<=\d)(?<![^\W\d_]\d)(?:\s*/\s*|:|\s:\s)(?=\d)", " trên "),
    _rule(rf"((?:{_NUMBER}|phần \w+)\s*(?:(?:nghìn|ngàn|triệu|tỷ)(?:\s+đồng)?|{_DOSED}|lần|bữa|tiếng|ngày|tấn|tạ|cây|"
          rf"con|người|suất|buổi|lượt|hộp)(?: [^\W\d_]+)?)((?:/(?:{_PER_WORDS})\b)+)", _per),
    _rule(r"(?<=[mM]{2})\s?/\s?(?=\d)", " trên "),
    _rule(r"\bBĐ\s?([1-3]|I{1,3})(?:\s*[-–]\s*(?:BĐ\s?)?([1-3]|I{1,3}))?(?![\w]|[.,]\d)", _water_level),
    _rule(r"([NE])\s*[-–]\s*(?=\d{2,3}(?:[.,]\d+)?\s?°?\s?E\b)", r"\1, "),
    _rule(r"(?<![\w.,])(\d{1,3}(?:[.,]\d+)?)\s?(°?)\s?([NE])(?!\w)", _place_on_the_map),
    _rule(r"\b(?:Km|KM|km)\s?(\d+)\s?\+\s?(\d+)\b", lambda m: f"ki lô mét {cardinal(m[1])} cộng {cardinal(m[2])}"),
    _rule(r"\b(?:Km|KM)(?=\d)", "ki lô mét "),
    _rule(r"\b(QL|ĐT|TL|ĐH)\.(?=\d)", r"\1"),
    _rule(r"(?<!\w)(\d{1,4})tr(\d{1,3})(?!\w)", lambda m: f"{cardinal(m[1])} triệu {cardinal(m[2])}"),
    _rule(r"(?<!\w)(\d{1,3})m(?![23]\b)(\d{1,2})(?!\w)", lambda m: f"{cardinal(m[1])} mét {cardinal(m[2])}"),
    _rule(rf"(?<![\w.,])({_NUMBER})\s*{_UNIT}(?!/c\b){_PER}(?!\w)", lambda m: f"{quantity(m[1])} {_rate(m[2], m[3])}"),
    _rule(rf"(?<!\w)({_alternatives(LONE_UNITS)}){_PER}(?!\w)", lambda m: _rate(m[1], m[2])),
    _rule(r"\$\s?(" + _NUMBER + ")", lambda m: f"{quantity(m[1])} đô la"),
    _rule(r"\b(độ) C\b", r"\1 xê"),
    # Roman numerals and codes
    _rule(rf"\b((?:{_NUMERAL_WORDS})\s+){_ROMAN}(?:{_DASH}{_ROMAN})?", _numeral, 0),
    _rule(rf"\b((?:{_NUMERAL_WORDS.title()}|Báo động)\s+){_ROMAN}(?:{_DASH}{_ROMAN})?", _numeral),
    _rule(r"\b([IVX]{2,})\b", _bare_numeral),
    _rule(r"\b([A-ZĐ]{1,4})[ ]?(\d{1,4})([A-Z]?)\b(?![.,]\d)", _code),
    _rule(r"(?<![\w.,])(\d{1,6})([A-ZĐa-z])(?!\w)", lambda m: f"{cardinal(m[1])} {letters(m[2])}"),
    _rule(r"(?<![\w.,])(\d+[.,]\d+)(?=[^\W\d_])", r"\1 "),
    _rule(rf"(?<![\w.,])({_NUMBER})(?!\w)", lambda m: quantity(m[1]) if not _is_year(m[1]) else m[1]),
)  # fmt: skip


def _is_year(number: str) -> bool:
    return number.isdecimal() and len(number) <= 4  # noqa: PLR2004 plain small numbers are the engine's work


def apply_rules(line: str) -> str:
    """One line with every number that needs knowledge of the field written in words."""
    for pattern, write in RULES:
        line = pattern.sub(write, line)
    return line
