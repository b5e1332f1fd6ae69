"""What becomes of findings: cases, decisions, corrections, and their undoing.

`judged` writes findings into the ledger, `route` makes cases of them, `decide` and its like are what people say,
`due` is what is to be done, `correct` and `roll_back` do it. Each may be killed anywhere and done again.
"""

from recon_assets.review.agreement import agreement as agreement, overall as overall, span as span
from recon_assets.review.correcting import correct as correct
from recon_assets.review.deciding import (
    MAY_NOT_DECIDE_TAG as MAY_NOT_DECIDE_TAG,
    PERSON_TAG as PERSON_TAG,
    SENSOR_TAG as SENSOR_TAG,
    assign as assign,
    comment as comment,
    decide as decide,
    known as known,
    person as person,
    recheck as recheck,
    undo as undo,
    undoing as undoing,
)
from recon_assets.review.faults import unexpected as unexpected
from recon_assets.review.judging import RECORDS as RECORDS, accepting as accepting, judged as judged
from recon_assets.review.people import (
    check_reviewer as check_reviewer,
    launcher as launcher,
    reviewer as reviewer,
    reviewers as reviewers,
)
from recon_assets.review.previewing import Preview as Preview, preview as preview
from recon_assets.review.rolling_back import RolledBack as RolledBack, Scope as Scope, roll_back as roll_back
from recon_assets.review.routing import CORRECTABLE as CORRECTABLE, POLICY as POLICY, Routed as Routed, route as route
from recon_assets.review.work import Due as Due, Recheck as Recheck, due as due
from recon_assets.writing import Restored as Restored
