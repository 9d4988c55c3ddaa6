"""What is kept, in words."""

from types import MappingProxyType

from scheduler.retention.choosing import Subject
from web.i18n import N_

SUBJECT = MappingProxyType(
    {
        Subject.LIVE: N_("Recordings of live talks and relays"),
        Subject.ANNOUNCEMENTS: N_("Sound of announcements"),
        Subject.REPORTS: N_("Details of play reports"),
        Subject.SAMPLES: N_("Measurements of loudspeakers"),
        Subject.FAULTS: N_("Faults that were reset"),
        Subject.NOTICES: N_("Notices that were delivered"),
        Subject.FEEDBACK: N_("Feedback that was answered"),
    }
)
HELP = MappingProxyType(
    {
        Subject.LIVE: N_("The recording goes; when, where and by whom it was spoken stays."),
        Subject.ANNOUNCEMENTS: N_(
            "Counted from its last use. The sound and the file that was sent go; title, text and history stay. "
            "What a broadcast, a bulletin, a relay or a loudspeaker still needs never goes."
        ),
        Subject.REPORTS: N_(
            "What each loudspeaker told of each airing, of drills and of tests, and with it what each village heard. "
            "The sums of each commune and day stay, so monthly and yearly reports of communes and above read the same; "
            "real emergencies stay whole."
        ),
        Subject.SAMPLES: N_(
            "Signal, power, temperature and level each quarter of an hour. The least, mean and most of each day stay."
        ),
        Subject.FAULTS: N_("Counted from the reset. With them goes what villages reported and was seen to."),
        Subject.NOTICES: N_("Mails and calls to programs that were delivered or given up."),
        Subject.FEEDBACK: N_("What residents wrote, with names and numbers. What is not answered stays."),
    }
)
WITHOUT = MappingProxyType(
    {
        Subject.LIVE: N_("as the installation is set"),
        Subject.SAMPLES: N_("then by day"),
    }
)
# Singular and plural, for `Page.count`.
COUNTED = MappingProxyType(
    {
        Subject.LIVE: ("%(num)s recording", "%(num)s recordings"),
        Subject.ANNOUNCEMENTS: ("%(num)s announcement", "%(num)s announcements"),
        Subject.REPORTS: ("%(num)s line", "%(num)s lines"),
        Subject.SAMPLES: ("%(num)s measurement", "%(num)s measurements"),
        Subject.FAULTS: ("%(num)s entry", "%(num)s entries"),
        Subject.NOTICES: ("%(num)s notice", "%(num)s notices"),
        Subject.FEEDBACK: ("%(num)s message", "%(num)s messages"),
    }
)
