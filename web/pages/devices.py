"""What a browser calls itself, in words that its owner knows (pure)."""

from web.pages.present import DASH

# The first that fits; those that others claim to be come before them.
_BROWSERS = (
    *(("edg", "Edge"), ("coc_coc", "Cốc Cốc"), ("opr/", "Opera"), ("samsungbrowser", "Samsung Internet")),
    *(("firefox", "Firefox"), ("fxios", "Firefox"), ("crios", "Chrome"), ("chrome", "Chrome"), ("safari", "Safari")),
    *(("curl", "curl"), ("python", "Python")),
)
_SYSTEMS = (
    *(("android", "Android"), ("iphone", "iPhone"), ("ipad", "iPad"), ("windows", "Windows"), ("mac os", "macOS")),
    *(("cros", "ChromeOS"), ("linux", "Linux")),
)


def device(name: str | None) -> str:
    """`Firefox, Windows`; what nobody knows in its first words, a dash where nothing is known."""
    text = (name or "").lower()
    said = [next((word for mark, word in table if mark in text), "") for table in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, said)) or (name or "")[:40] or DASH
