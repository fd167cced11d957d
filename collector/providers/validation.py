"""Reads objects of a payload into strict models, and names what is wrong by its place: ``schema:data.invocations``.

The place and a sentence of ours are all that leaves this module when the shape is wrong; the provider's own text
appears only in a reported error, and there inert. Unknown fields are never an error: they are listed.

Public: ``Documented``, ``Counter``, ``Fault``, ``object_of``, ``read_as``, ``first_fault``, ``unknown_fields``,
``answer_rejected``, ``reported_error``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from collector.errors import AnswerRejectedError
from collector.providers.quoting import inert, json_text

Counter = Annotated[int, Field(ge=0, lt=2**63)]
"""An integer that every engine stores as it is; a bool, a float (even ``8750.0``) and a string are none."""

_SENTENCES = {
    "missing": "is missing",
    "bool_type": "is neither true nor false",
    "int_type": "is not an integer",
    "greater_than_equal": "is negative",
    "less_than": "is 2^63 or more",
    "string_type": "is not a string",
    "string_unicode": "holds half a character (a lone surrogate)",
    "string_too_short": "is empty",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "holds a control character",
    "list_type": "is not a list",
    "too_long": "has too many entries",
    "model_type": "is not an object",
    "instant": "is neither null nor an RFC 3339 timestamp with an offset",
}
_NOT_AN_OBJECT = _SENTENCES["model_type"]


class Documented(BaseModel):
    """An object as a provider's documents describe it: nothing is converted, and more fields may come."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", alias_generator=to_camel)


_Model = TypeVar("_Model", bound=Documented)


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong with an object.

    Attributes:
        path: Where, such as ``data.invocations``; empty for the object itself.
        what: What is wrong there, as the rest of a sentence, without the provider's text.
        value: What was found there; the object around it where a field is missing.
    """

    path: str
    what: str
    value: object


def object_of(payload: object, title: str) -> Mapping[str, object]:
    """Return ``payload`` as a JSON object.

    Raises:
        AnswerRejectedError: It is a list, a string, a number or null.
    """
    if not isinstance(payload, dict):
        raise answer_rejected(title, "", f"the top level {_NOT_AN_OBJECT}")
    return payload


def read_as(model: type[_Model], payload: Mapping[str, object], title: str) -> _Model:
    """Return ``payload`` as ``model``.

    Raises:
        AnswerRejectedError: A documented field is missing or of another kind; the outcome names its place.
    """
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        fault = first_fault(error)
    raise answer_rejected(title, fault.path, f"{fault.path} {fault.what}")


def first_fault(error: ValidationError) -> Fault:
    """Return what pydantic found first, in the order in which the model names its fields."""
    found = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in found["loc"])
    return Fault(place, _SENTENCES.get(found["type"], "is not as documented"), found["input"])


def unknown_fields(model: type[Documented], value: object, prefix: str = "") -> set[str]:
    """Return the inert paths of the fields of ``value`` that ``model`` does not name; none where it is no object."""
    if not isinstance(value, dict):
        return set()
    return {inert(f"{prefix}{name}") for name in value.keys() - _documented_names(model)}


@cache
def _documented_names(model: type[Documented]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def answer_rejected(title: str, what: str, finding: str) -> AnswerRejectedError:
    """Return the error for an answer that is not as documented.

    Args:
        title: The provider's name for people.
        what: The place or the rule, kept in the outcome as ``schema:<what>``; empty for the answer as a whole.
        finding: What was found, as a clause of ours.
    """
    message = (
        f"{title} was asked for its usage, but in the answer {finding}; nothing was stored: "
        "compare the body kept with the poll with the provider's API reference"
    )
    return AnswerRejectedError(f"schema:{what}" if what else "schema", message)


def reported_error(title: str, payload: Mapping[str, object], names: Iterable[str]) -> AnswerRejectedError:
    """Return the error for an answer that itself reports one, with what the fields ``names`` say about it."""
    told = (payload[name] for name in names if payload.get(name) is not None)
    detail = inert(": ".join(item if isinstance(item, str) else json_text(item) for item in told))
    message = (
        f"{title} was asked for its usage and reported an error ({detail or 'without saying which'}); "
        "nothing was stored: check the account at the provider"
    )
    return AnswerRejectedError("api_error", message)
