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
    number, year, code = found.groups()
    return " trên ".join([cardinal(number), *([cardinal(year)] if year else []), _paper_code(code)])


def _paper_code(code: str) -> str:
    return " ".join(PAPERS.get(part) or ABBREVIATIONS.get(part) or letters(part) for part in code.split("-"))


def letters(code: str) -> str:
    """A code spelled by the names of its letters."""
    return " ".join(LETTERS.get(letter, letter) for letter in code.lower())


def _rate(unit: str, per: str) -> str:
    """The unit and what follows its strokes: "km", "/h" → "ki lô mét trên giờ"."""
    word = UNITS[unit]
    link = "một" if word in MONEY else "trên"
    return " ".join([word, *(f"{link} {UNITS.get(part, part)}" for part in per.split("/") if part)])


def _numeral(found: Match) -> str:
    values = [roman(numeral) for numeral in (found[2], found[3]) if numeral]
    ordinal = {1: "nhất", 4: "tư"} if found[1].casefold().rstrip().endswith("thứ") else {}
    words = [ordinal.get(value) or cardinal(str(value)) for value in values if value is not None]
    return found[1] + " đến ".join(words) if len(words) == len(values) else found[0]


def _bare_numeral(found: Match) -> str:
    value = roman(found[1])
    return found[0] if value is None else cardinal(str(value))


def _code(found: Match) -> str:
    prefix, number, suffix = found.groups()
    start = "đường tỉnh" if prefix == "ĐT" else ABBREVIATIONS.get(prefix) or letters(prefix)
    return " ".join(part for part in (start, cardinal(number), letters(suffix)) if part)


def _alternatives(words: object) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_UNIT = f"({_alternatives(UNITS)})"
_PER = r"((?:/(?:[^\W\d_]+[23]?))*)"
_PLACE = r"\b((?:số|nhà|hẻm|ngõ|ngách|kiệt|thửa|tờ|quân số|tỷ lệ|tỉ lệ|tỷ số)\s+)"
_PHONE_CUE = r"tổng đài|hotline|đường dây nóng|điện thoại|số máy|đầu số|SĐT|ĐT|sđt|đt"
_EMERGENCY = f"(?:{'|'.join(EMERGENCY_NUMBERS)})"
_LIST = r"(?:\s*(?:,|;|và|hoặc|hay|/|-|–)\s*"
_NUMERAL_WORDS = (
    "cấp|loại|chương|mục|phần|khóa|khoá|lần|quý|thế kỷ|đợt|kỳ|kì|hạng|vùng|nhóm|bậc|tập|lần thứ|thứ|giai đoạn|khu vực"
)


def _rule(pattern: str, write: Callable[[Match], str] | str, flags: int = 0) -> Rule:
    if isinstance(write, str):
        template = write
        return re.compile(pattern, flags), lambda found: found.expand(template)
    return re.compile(pattern, flags), write


RULES: tuple[Rule, ...] = (
    _rule(r"(\d+)\u2044(\d+)", lambda m: f" {cardinal(m[1])} phần {cardinal(m[2])}"),
    # telephones
    _rule(r"(?<![\w.,/])(?:\(?\+84\)?[ .]?|0)\d(?:[ .\-]?\d){7,9}(?!\w|[.,/-]\d)", _telephone),
    _rule(r"(?<!năm )(?<![\w.,/])1[89]00(?:[ .]?\d){4,6}(?!\w|[.,/-]\d)", lambda m: ", ".join(
        spell_digits(group) for group in re.findall(r"\d+", m[0]))),
    _rule(
        rf"(?P<before>\w{{0,12}})(?P<gap>\W{{0,3}})"
        rf"(?P<cue>\b(?:{_PHONE_CUE})(?:\s+(?:số|khẩn cấp|của \w+|là))*[\s:]\s*)"
        rf"(?P<numbers>\d{{3,8}}{_LIST}\d{{3,8}})*)(?![\w/]|[.,]\d)",
        _service_numbers, re.IGNORECASE),
    _rule(
        rf"(?P<before>\w{{0,12}})(?P<gap>\W{{0,3}})(?P<cue>\b(?:số|gọi|gọi ngay|báo)\s+)"
        rf"(?P<numbers>{_EMERGENCY}{_LIST}{_EMERGENCY})*)(?![\w/]|[.,]\d|\s+(?:đường|phố|người|hộ|em|cháu))",
        _service_numbers, re.IGNORECASE),
    # official papers
    _rule(r"(?<![\w/])(\d+)(?:/(\d{4}))?/((?:[A-ZĐƯ]+[a-z]?-)*[A-ZĐƯ]{2,}[a-z]?)\b", _paper),
    _rule(rf"(?<![\w/])({'|'.join(PAPERS)})-((?:[A-ZĐƯ]+[a-z]?-)*[A-ZĐƯ]{{2,}}[a-z]?)\b",
          lambda m: f"{PAPERS[m[1]]} {_paper_code(m[2])}"),
    # around the clock
    _rule(r"(?<![\w/])24/7(?![\d/])(?<!ngày 24/7)", "hai mươi tư trên bảy"),
    _rule(r"(?<![\w/])24/24(?![\d/])h?", "hai mươi tư trên hai mươi tư"),
    # dates
    _rule(rf"{_PLACE}(\d+)/(\d+)(?:/(\d+))?(?![\d/])", lambda m: m[1] + " trên ".join(
        cardinal(part) for part in m.groups()[1:] if part), re.IGNORECASE),
    _rule(rf"(?:\b[Nn]gày\s+)?{_START}{_DAY}[/.\-]{_MONTH}{_DASH}{_DAY}[/.\-]{_MONTH}(?:[/.\-]{_YEAR})?{_NOT_MORE}",
          lambda m: f"{_date(m[1], m[2])} đến {_date(m[3], m[4], m[5])}"),
    _rule(rf"(?:\b[Nn]gày\s+)?{_START}{_DAY}{_DASH}{_DAY}/{_MONTH}(?:/{_YEAR})?{_NOT_MORE}",
          lambda m: f"ngày {_day(m[1])} đến {_date(m[2], m[3], m[4])}"),
    _rule(rf"(?:\b[Nn]gày\s+|\b[Mm][ùồ]ng\s+)?{_START}{_DAY}([/.\-]){_MONTH}\2{_YEAR}{_NOT_MORE}",
          lambda m: _date(m[1], m[3], m[4])),
    _rule(rf"(?:\b[Tt]háng\s+)?{_START}{_MONTH}[/-]{_YEAR}{_NOT_MORE}",
          lambda m: f"tháng {_month(m[1])} năm {cardinal(m[2])}"),
    _rule(rf"\b([Qq]uý)\s+(\w+)/{_YEAR}{_NOT_MORE}", r"\1 \2 năm \3"),
    _rule(rf"\b(?:[Nn]gày|[Mm][ùồ]ng)\s+{_DAY}[/-]{_MONTH}{_NOT_MORE}", lambda m: _date(m[1], m[2])),
    _rule(rf"{_START}(\d+)/(\d+)(?=\s+(?:số|tổng|diện tích|hộ|thành viên|thôn|xã|đại biểu|phiếu|người|cụm|dân))",
          lambda m: f"{cardinal(m[1])} trên {cardinal(m[2])}"),
    _rule(rf"{_START}{_DAY}/{_MONTH}{_NOT_MORE}", lambda m: _date(m[1], m[2])),
    _rule(rf"\b[Nn]gày\s+{_DAY}\s+tháng\s+{_MONTH}\b", lambda m: _date(m[1], m[2])),
    _rule(r"\b([Nn]gày)\s+(0?[1-9]|10)(?=\s*(?:[,;:)!?]|\.(?!\d)|$|h[ằà]ng tháng|âm lịch|đến|và ngày|tháng))",
          lambda m: f"{m[1]} {_day(m[2])}"),
    _rule(r"\b([Tt]háng)\s+0?4\b(?![.,/]\d)", r"\1 tư"),
    _rule(rf"\bT{_MONTH}/{_YEAR}\b", lambda m: f"tháng {_month(m[1])} năm {cardinal(m[2])}"),
    _rule(rf"\b(T[2-7]){_DASH}(?=T[2-7]\b|CN\b)", r"\1 đến "),
    _rule(r"\bT([2-7])\b", lambda m: f"thứ {'tư' if m[1] == '4' else cardinal(m[1])}"),
    # times
    _rule(rf"(?<!\d)(\d{{1,2}}(?:[hHg:]\d{{0,2}}))['p]?{_DASH}(?=\d{{1,2}}[hHg:])", r"\1 đến "),
    _rule(r"(?<![\w.,:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])", lambda m: _time(m[1], m[2], m[3])),
    _rule(r"(?<![\w.,:])([01]?\d|2[0-4])\s?[hHg]([0-5]\d)(?:\s?(?:phút|p|')(?!\w))?(?!\w)",
          lambda m: _time(m[1], m[2])),
    _rule(r"(?<![\w.,:])(\d{1,2})\s?[hH](?![\w/])", lambda m: _time(m[1], None)),
    _rule(r"\b((?:lúc|từ|đến|trước|sau|hồi)\s+)(\d{1,2})g(?!\w)", lambda m: m[1] + _time(m[2], None)),
    # numbers that are names, not counts: the engine would say "số nhất"
    _rule(r"\b((?:lần|bước|phần|chương|tập|số|đợt)\s+)(\d{1,12})(?![\w/]|[.,]\d)",
          lambda m: m[1] + cardinal(m[2]), re.IGNORECASE),
    # quantities
    _rule(rf"-(?={_NUMBER}\s*(?:°|độ|oC))", "âm "),
    _rule(rf"({_NUMBER})\s?({_alternatives(UNITS)})?{_DASH}(?=\d)", lambda m: f"{m[1]} {m[2] or ''} đến "),
    _rule(r"(?<!\w)(\d{1,3})m(?![23]\b)(\d{1,2})(?!\w)", lambda m: f"{cardinal(m[1])} mét {cardinal(m[2])}"),
    _rule(rf"(?<![\w.,])({_NUMBER})\s*{_UNIT}{_PER}(?!\w)", lambda m: f"{quantity(m[1])} {_rate(m[2], m[3])}"),
    _rule(rf"(?<!\w)({_alternatives(LONE_UNITS)}){_PER}(?!\w)", lambda m: _rate(m[1], m[2])),
    _rule(r"\$\s?(" + _NUMBER + ")", lambda m: f"{quantity(m[1])} đô la"),
    _rule(r"\b(độ) C\b", r"\1 xê"),
    _rule(r"(?<=\d)\s*[x×*]\s*(?=\d)", " nhân "),
    _rule(r"(?<=\d)\s*[/:]\s*(?=\d)", " trên "),
    # Roman numerals and codes
    _rule(rf"\b((?:{_NUMERAL_WORDS})\s+){_ROMAN}(?:{_DASH}{_ROMAN})?", _numeral, 0),
    _rule(rf"\b((?:{_NUMERAL_WORDS.title()}|{_NUMERAL_WORDS.upper()})\s+){_ROMAN}(?:{_DASH}{_ROMAN})?", _numeral),
    _rule(r"\b([IVX]{2,})\b", _bare_numeral),
    _rule(r"\b([A-ZĐ]{1,4})[ ]?(\d{1,4})([A-Z]?)\b", _code),
    _rule(r"(?<![\w.,])(\d{1,6})([A-ZĐa-z])(?!\w)", lambda m: f"{cardinal(m[1])} {letters(m[2])}"),
    _rule(rf"(?<![\w.,])({_NUMBER})(?!\w)", lambda m: quantity(m[1]) if not _is_year(m[1]) else m[1]),
)  # fmt: skip


def _is_year(number: str) -> bool:
    return number.isdecimal() and len(number) <= 4  # noqa: PLR2004 plain small numbers are the engine's work


def apply_rules(line: str) -> str:
    """One line with every number that needs knowledge of the field written in words."""
    for pattern, write in RULES:
        line = pattern.sub(write, line)
    return line
