"""How the library is said on pages."""

from types import MappingProxyType

from scheduler.announcements.models import Category
from web.i18n import N_

CATEGORY = MappingProxyType(
    {
        Category.NEWS: N_("News"),
        Category.NOTICE: N_("Commune notices"),
        Category.FARMING: N_("Farming"),
        Category.HEALTH: N_("Health"),
        Category.SCHOOL: N_("School"),
        Category.CULTURE: N_("Culture and sport"),
        Category.SAFETY: N_("Security and order"),
        Category.DISASTER: N_("Weather and disasters"),
        Category.UTILITIES: N_("Power and water"),
        Category.OTHER: N_("Other"),
    }
)
