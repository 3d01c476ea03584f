"""What all entries of the dictionary share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """An entry that is never changed after reading and takes no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Strict):
    """A text in both languages, neither empty."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)
