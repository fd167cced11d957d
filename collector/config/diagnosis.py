"""What is wrong with a configuration, told so that it can be mended without a manual.

A fault is a setting's place and a text that completes the sentence "SETTING …". All faults are told at once, each with
the line it stands on or the environment variable it came from. Values appear only in texts written by the checks
themselves, which know what may be shown.

Public: ``Fault``, ``faults_of``, ``explained``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from collector.config.document import Document
from collector.config.environment import Overrides
from collector.config.layout import EACH, generic, header, known_paths, names_in
from collector.config.model import AS_NUMBER, AS_TABLE, ConfigFile
from collector.config.wording import SettingPath, found, nearest, spelled
from collector.errors import ConfigError

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        path: The setting; empty for a fault that is no setting's.
        text: What completes "SETTING …", or a whole sentence where there is no setting.
    """

    path: SettingPath
    text: str


def faults_of(error: ValidationError) -> list[Fault]:
    """Return what pydantic found wrong with a configuration, in the order of its tables."""
    return [_fault(details) for details in error.errors(include_url=False)]


def explained(faults: Sequence[Fault], document: Document, overrides: Overrides) -> ConfigError:
    """Return the error that tells all ``faults``; of very many only the first fifty."""
    placed = ((_place(fault, document, overrides), fault) for fault in faults[:_MOST_SHOWN])
    shown = sorted(placed, key=lambda entry: entry[0])
    sentences = [_sentence(line, variable, fault) for (line, variable), fault in shown]
    if len(faults) == 1:
        return ConfigError(f"{document.path}{', ' if shown[0][0][0] else ': '}{sentences[0]}")
    if len(faults) > len(shown):
        sentences.append(f"and {len(faults) - len(shown)} more")
    return ConfigError("\n  ".join([f"{document.path} has {len(faults)} faults:", *sentences]))


def _place(fault: Fault, document: Document, overrides: Overrides) -> tuple[int, str]:
    variable = overrides.variable_of(fault.path)
    line = None if variable else document.line_of(fault.path)
    return line or 0, variable or ""


def _sentence(line: int, variable: str, fault: Fault) -> str:
    place = f"line {line}: " if line else f"environment variable {variable}: " if variable else ""
    return f"{place}{spelled(fault.path)} {fault.text}" if fault.path else fault.text


def _fault(details: ErrorDetails) -> Fault:
    path = tuple(part for part in details["loc"] if part not in {AS_NUMBER, AS_TABLE})
    return Fault(path, _text(details, path))


def _text(details: ErrorDetails, path: SettingPath) -> str:
    match details["type"]:
        case "value_error":
            text = str(details["ctx"]["error"])
        case "extra_forbidden":
            text = _unknown(path)
        case "missing":
            text = "is required"
        case "list_type":
            text = _no_list(path)
        case "too_short":
            text = "must not be empty; leave the line out for the default"
        case "model_type" | "dict_type":
            text = f"must be a table, as under {header(generic(ConfigFile, path))}"
        case "bool_type":
            text = f"must be true or false; found {found(details['input'])}"
        case _:
            text = f"is not valid: {details['msg']}"
    return text


def _no_list(path: SettingPath) -> str:
    entry = (*generic(ConfigFile, path), EACH)
    if names_in(ConfigFile, entry):
        return f"must be a list: write {header(entry)}, with two brackets"
    return 'must be a list in brackets, such as ["one", "two"]'


def _unknown(path: SettingPath) -> str:
    name = str(path[-1])
    table = generic(ConfigFile, path[:-1])
    siblings = names_in(ConfigFile, table)
    close = nearest(name, siblings)
    if close:
        return f"is unknown; did you mean {close}?"
    elsewhere = [known[:-1] for known in known_paths(ConfigFile) if len(known) > 1 and known[-1] == name]
    if elsewhere:
        return f"is unknown here; it belongs under {header(elsewhere[0])}"
    return f"is unknown; known here: {', '.join(siblings)}"
