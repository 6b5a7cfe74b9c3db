"""Claims of the document, each held against its formula."""

from collections.abc import Iterator

from banyan.planner.claims import FormulaError, agrees, evaluate
from banyan.planner.findings.context import Context, off, span
from banyan.planner.plan import Finding, Severity, Stated
from banyan.planner.workload.models import Claim

_FAR = 0.1


def state_claims(context: Context) -> list[Stated]:
    """Every claim with what comes out instead."""
    stated = []
    for claim in _claims(context):
        try:
            computed = evaluate(claim.formula, context.scope)
        except FormulaError as error:
            stated.append(Stated(claim.claim, span(claim.stated, claim.unit), f"cannot: {error}", False, claim.line))
            continue
        same = agrees(claim.stated, computed, claim.tolerance_share)
        stated.append(Stated(claim.claim, span(claim.stated, claim.unit), span(computed, claim.unit), same, claim.line))
    return stated


def _claims(context: Context) -> list[Claim]:
    """Claims about the document's own phases say nothing of a plan on other software."""
    claims = context.workload.claims
    return [claim for claim in claims if context.plan.stack == "declared" or "plan." not in claim.formula]


def find(context: Context) -> Iterator[Finding]:
    spoken_of = _claims(context)
    for number, claim in enumerate(context.workload.claims):
        if claim not in spoken_of:
            continue
        where = f"claims.{number}"
        said = span(claim.stated, claim.unit)
        try:
            computed = evaluate(claim.formula, context.scope)
        except FormulaError as error:
            yield Finding("error", "claim_without_result", where, said, "nothing", f"{claim.claim}: {error}")
            continue
        if agrees(claim.stated, computed, claim.tolerance_share):
            continue
        severity: Severity = "error" if off(claim.stated, computed) > _FAR else "warning"
        yield Finding(
            severity,
            "claim_disagrees",
            where,
            said,
            span(computed, claim.unit),
            f"{claim.claim}: stated {said}, computed {span(computed, claim.unit)}",
        )
