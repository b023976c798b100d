"""Who may do what at the Centre, as dependencies of routes."""

from typing import Annotated

from fastapi import Depends

from servicekit.identity import AGENCY_CLIENT, Actor, require

OFFICERS = ("intake", "verifier", "officer", "km_editor", "supervisor", "auditor", "operator")
"""All people of the Centre; `admin` may do all that any of them may."""

Reader = Annotated[Actor, Depends(require(*OFFICERS, AGENCY_CLIENT))]
"""Reads complaints: any officer, and an agency's system what it filed itself."""

Recorder = Annotated[Actor, Depends(require("intake", AGENCY_CLIENT))]
Corrector = Annotated[Actor, Depends(require("intake", "verifier", "officer", "supervisor"))]
Importer = Annotated[Actor, Depends(require("intake", "supervisor"))]
SecretGiver = Annotated[Actor, Depends(require("intake", "supervisor"))]
"""Gives a complainant a new secret."""

Attacher = Annotated[Actor, Depends(require("intake", "verifier", "officer", "supervisor", AGENCY_CLIENT))]
Verifier = Annotated[Actor, Depends(require("verifier", "supervisor"))]
CaseOfficer = Annotated[Actor, Depends(require("officer", "supervisor"))]
"""Answers, refers, closes and reopens."""

Caseworker = Annotated[Actor, Depends(require("verifier", "officer", "supervisor"))]
"""Verifies or answers: says which complaints belong together, stops and restarts their clocks."""

Officer = Annotated[Actor, Depends(require(*OFFICERS))]
"""Any person of the Centre, and no agency's system."""

Watcher = Annotated[Actor, Depends(require("supervisor", "operator"))]
"""Sees to it that reminders arrive."""

Eraser = Annotated[Actor, Depends(require("supervisor"))]
"""Erases personal data."""

TemplateEditor = Annotated[Actor, Depends(require("km_editor", "supervisor"))]
"""Writes answer templates."""

Editor = Annotated[Actor, Depends(require("km_editor"))]
Publisher = Annotated[Actor, Depends(require("km_editor", "supervisor"))]
