"""What becomes of findings: cases, decisions, corrections, and their undoing.

`judged` writes findings into the ledger, `route` makes cases of them, `decide` and its like are what people say,
`due` is what is to be done, `correct` and `roll_back` do it. Each may be killed anywhere and done again.
"""

from recon_assets.review.correcting import correct
from recon_assets.review.deciding import ask, assign, comment, decide, known, person, undo, undoing
from recon_assets.review.due import Due, Look, due
from recon_assets.review.judging import RECORDS, judged
from recon_assets.review.previewing import Preview, preview
from recon_assets.review.rolling_back import RolledBack, Scope, roll_back
from recon_assets.review.routing import CORRECTABLE, POLICY, Routed, route
from recon_assets.writing import Restored

__all__ = [
    "CORRECTABLE",
    "POLICY",
    "RECORDS",
    "Due",
    "Look",
    "Preview",
    "Restored",
    "RolledBack",
    "Routed",
    "Scope",
    "ask",
    "assign",
    "comment",
    "correct",
    "decide",
    "due",
    "judged",
    "known",
    "person",
    "preview",
    "roll_back",
    "route",
    "undo",
    "undoing",
]
