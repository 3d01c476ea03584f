"""Pages of a list: ``limit`` and ``offset``, and the answer that says how much there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, description="How many to leave out from the start.")]


class Page(BaseModel):
    """The part of every list answer that says where it stands."""

    total: int = Field(description="How many there are in all.")
    limit: int
    offset: int
