"""The ground of the configuration: a part that refuses what nothing reads, and forms of values.

No error and no `repr` holds the value of a secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from riskmon.validation import shown

LEAST_SECRET = 16
"""Bytes; Standard Webhooks asks for 24."""


def told(message: str) -> PydanticCustomError:
    """Return an error that is told as it is, without the value that is there."""
    return PydanticCustomError("told", "{error}", {"error": message})


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number")  # noqa: TRY004 (pydantic collects ValueError)
    return value


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        encoded = text.removeprefix("whsec_")
        plain = encoded.encode() if encoded == text else base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise told("expected whsec_ and the secret in base64") from None
    if len(plain) < LEAST_SECRET:
        raise told(f"expected a secret of at least {LEAST_SECRET} bytes, got {len(plain)}")
    return value


def _header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", value):
        raise told("expected the name of a header such as X-Forwarded-User")
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise told(f"expected an address such as 10.0.0.5, got {shown(value)}") from None


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_number)]
Key = Annotated[SecretStr, AfterValidator(_key)]
Header = Annotated[str, AfterValidator(_header)]
Address = Annotated[str, AfterValidator(_address)]


class Checked(BaseModel):
    """A part of the configuration: frozen, and without a field that nothing reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def _one_of(self, *names: str) -> None:
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            wanted = f"{', '.join(names[:-1])} or {names[-1]}"
            got = " and ".join(given) if given else "none"
            raise told(f"expected exactly one of {wanted}, got {got}")
