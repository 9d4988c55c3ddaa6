"""What the API and the page forms send and get about people."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from scheduler.days import Moment
from scheduler.rights import Action, Role
from scheduler.zones.schemas import Id, Input, Name

_EXAMPLE_ID = "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"

Login = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, min_length=2, max_length=80, pattern=r"^[A-Za-z0-9._@-]+$"),
]
Language = Literal["vi", "en"]
# The rule on passwords is one: `scheduler.people.passwords`; this bound only keeps the work small.
Password = Annotated[str, StringConstraints(min_length=1, max_length=1000), Field(examples=["bốn từ thường nối nhau"])]


Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[0-9+() .-]*$"),
    Field(examples=["0905 123 456"], description="Called when a village did not hear an emergency."),
]


class SignInInput(Input):
    login: Annotated[str, StringConstraints(min_length=1, max_length=80)] = Field(examples=["lan.traleng"])
    password: Password = Field(examples=["bốn từ thường nối nhau"])
    code: Annotated[str, StringConstraints(max_length=24)] = Field(
        "", examples=["123456"], description="Of the second factor, or a recovery code."
    )


Code = Annotated[
    str,
    StringConstraints(max_length=24),
    Field(examples=["492039"], description="Of your own second factor, typed anew, or a recovery code."),
]


class CodeProof(Input):
    """What proves anew that it is still the person, before an act that gives rights or takes over an account."""

    code: Code = ""


class PasswordChange(Input):
    old_password: Password
    new_password: Password


class TotpCode(Input):
    code: Annotated[str, StringConstraints(min_length=6, max_length=12)] = Field(examples=["123456"])


class PasswordProof(Input):
    """What proves that it is still the person, not someone who found the page open."""

    password: Password


class FactorProof(PasswordProof):
    """The same of who has a second factor; a recovery code stands for a telephone that was lost."""

    code: str = Field("", max_length=24, examples=["492039"])


class TotpEnrolment(BaseModel):
    """Shown once; it counts from the first code that is typed in."""

    secret: str = Field(examples=["CQX5QSAGM3NGEVTOEAXUFAKVZXG6XLA7"])
    uri: str = Field(examples=["otpauth://totp/Loa:lan?secret=CQX5QSAGM3NGEVTOEAXUFAKVZXG6XLA7&issuer=Loa"])
    qr_svg: str = Field(examples=["<svg …>"])


class GrantNew(CodeProof):
    user_id: Id = Field(examples=[_EXAMPLE_ID])
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="The role holds there and in all zones below.")
    role: Role = Field(examples=[Role.EDITOR])
    until: Moment | None = Field(None, examples=["2027-06-30T17:00:00+07:00"])


class GrantView(BaseModel):
    id: str
    user_id: str
    zone_id: str
    zone_name: str = Field(examples=["Thôn 1"])
    zone_above: str = Field("", examples=["Trà Leng"], description="The place in which it lies.")
    role: Role
    until: datetime | None


class GrantList(BaseModel):
    items: list[GrantView]


class UserNew(CodeProof):
    login: Login = Field(examples=["lan.traleng"])
    name: Name = Field(examples=["Nguyễn Thị Lan"])
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="Where the account belongs.")
    language: Language = "vi"
    phone: Phone = ""


class UserChange(CodeProof):
    """What is not sent stays as it is. `code` is for enabling an account."""

    name: Name = Field("", examples=["Nguyễn Thị Lan"])
    zone_id: Id = Field("", examples=[_EXAMPLE_ID])
    language: Language = "vi"
    phone: Phone = ""
    disabled: bool = False


class OwnChange(Input):
    """What people may change about themselves; what is not sent stays."""

    name: Name = Field("", examples=["Nguyễn Thị Lan"])
    language: Language = "vi"
    phone: Phone = ""


class UserView(BaseModel):
    id: str = Field(examples=[_EXAMPLE_ID])
    login: str = Field(examples=["lan.traleng"])
    name: str = Field(examples=["Nguyễn Thị Lan"])
    zone_id: str | None
    language: str
    phone: str | None = Field(examples=["0905 123 456"])
    disabled: bool
    must_change_password: bool
    second_factor: bool = Field(description="Whether sign-in asks for a code.")
    grants: list[GrantView]
    created_at: datetime
    version: int


class UserCreated(UserView):
    one_time_password: str = Field(
        examples=["kf3m-9wqp-x2td-vn7c"], description="Shown once. The person must change it at the first sign-in."
    )


class UserList(BaseModel):
    items: list[UserView]
    next: str | None = Field(None, description="`after` of the next page; null on the last one.")


class OneTimePassword(BaseModel):
    one_time_password: str = Field(examples=["kf3m-9wqp-x2td-vn7c"])


class Me(UserView):
    """Who is signed in. `actions` is what they may do anywhere at all."""

    csrf_token: str | None = Field(description="For X-CSRF-Token; null with a bearer token.")
    confirmed_by_second_factor: bool = Field(description="Of this sign-in.")
    actions: list[Action]


class TokenNew(Input):
    name: Name = Field(examples=["Trạm đo mưa"])
    scope: list[Action] = Field(min_length=1, max_length=len(Action), examples=[[Action.ZONE_READ]])
    expires_at: Moment = Field(examples=["2027-06-30T17:00:00+07:00"], description="At most 400 days from now.")


class TokenAsked(TokenNew):
    password: Annotated[str, StringConstraints(max_length=1000)] = Field(
        "", examples=["bốn từ thường nối nhau"], description="Your own: a stolen sign-in makes no token."
    )


class TokenView(BaseModel):
    id: str
    name: str
    scope: list[Action]
    created_at: datetime
    expires_at: datetime


class TokenCreated(TokenView):
    token: str = Field(examples=["loa_0cU1…"], description="Shown once.")


class TokenList(BaseModel):
    items: list[TokenView]


class SessionView(BaseModel):
    """A sign-in. `id` names it, and opens nothing."""

    id: str = Field(examples=["6f1d0a27c3"])
    device: str | None = Field(examples=["Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/128.0"])
    address: str | None = Field(examples=["203.0.113.7"])
    second_factor: bool
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    this: bool = Field(description="Whether it is the one that asks.")


class SessionList(BaseModel):
    items: list[SessionView]


class RecoveryCodes(BaseModel):
    codes: list[str] = Field(examples=[["kf3m-9wqp-x2td-vn7c"]], description="Shown once; each is good once.")


class InvitedRole(Input):
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="The role holds there and in all zones below.")
    role: Role = Field(examples=[Role.EDITOR])
    until: Moment | None = Field(None, examples=["2027-06-30T17:00:00+07:00"])
    zone_name: str = Field("", exclude=True, max_length=120, examples=["Trà Leng"], description="Not looked at.")


class InvitationNew(CodeProof):
    name: Name = Field(examples=["Nguyễn Thị Lan"])
    phone: Phone = ""
    zone_id: Id = Field(examples=[_EXAMPLE_ID], description="Where the account belongs.")
    roles: list[InvitedRole] = Field(
        max_length=20, examples=[[{"zone_id": _EXAMPLE_ID, "role": "editor", "until": "2027-06-30T17:00:00+07:00"}]]
    )


class InvitationView(BaseModel):
    id: str
    name: str
    phone: str | None
    zone_id: str
    zone_name: str
    roles: list[InvitedRole]
    by_name: str | None = Field(description="Null: invited from the centre's command line.")
    created_at: datetime
    expires_at: datetime
    usable: bool
    locked: bool = Field(description="Whether the code was typed wrong too often.")


class InvitationList(BaseModel):
    items: list[InvitationView]
    next: str | None = Field(None, description="`before` of the next page; null on the last one.")


class InvitationCode(InvitationView):
    code: str = Field(examples=["k7pm-x2td9v"], description="Shown once; typed at /join.")


class JoinInput(Input):
    code: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(examples=["k7pm-x2td9v"])
    name: Annotated[str, StringConstraints(max_length=200)] = Field("", examples=["Nguyễn Thị Lan"])
    login: Login = Field(examples=["lan.traleng"])
    password: Password
    language: Language = "vi"


class AuditView(BaseModel):
    """`sha256` is that of all the entry says and of the hash `before`: see docs/officials.md on the audit log."""

    number: int
    at: datetime
    user_id: str | None = Field(description="Null: Loa itself, or its command line.")
    user_name: str | None
    action: str = Field(examples=["zone.change"])
    subject: str = Field(examples=[f"zone:{_EXAMPLE_ID}"])
    zone_path: str | None
    detail: dict[str, Any]
    before: str
    sha256: str


class AuditList(BaseModel):
    items: list[AuditView]
    next: int | None = Field(None, description="`before` of the next page; null on the last one.")
