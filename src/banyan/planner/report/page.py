"""The page: the answer, then pictures, then reasons, prices and findings."""

from importlib import resources

from jinja2 import Environment

from banyan.planner.answer import answer, machines_of
from banyan.planner.plan import GrowthMonth, Plan
from banyan.planner.report.charts import Line, diagram, line_chart, timeline

_MOST_REASONS = 40


def report_html(plan: Plan) -> str:
    """The whole report as one HTML text: no script, nothing that is fetched."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files(__package__).joinpath("page.html").read_text())
    return template.render(
        plan=plan,
        answer=answer(plan),
        machines=machines_of,
        timeline=timeline(plan.growth),
        scenarios=[(name, *_charts(plan, months)) for name, months in plan.growth.items() if months],
        diagrams=[(phase, diagram(phase)) for phase in plan.phases],
        most_reasons=_MOST_REASONS,
    )


def _charts(plan: Plan, months: list[GrowthMonth]) -> tuple[str, str, str]:
    """People, cost and headroom of one scenario."""
    names = [month.month for month in months]
    people = Line(
        "registered users",
        [month.users for month in months],
        [month.users_band.low for month in months],
        [month.users_band.high for month in months],
    )
    cost = Line(
        f"{plan.currency} a month",
        [month.cost_month for month in months],
        [month.cost_band.low for month in months],
        [month.cost_band.high for month in months],
    )
    resources_ = sorted({name for month in months for name in month.headroom})
    free = [Line(name, [month.headroom.get(name, 1.0) * 100 for month in months]) for name in resources_]
    return (
        line_chart("registered users by month", names, [people]),
        line_chart("cost by month", names, [cost]),
        line_chart("free share of each resource, in per cent", names, free, top=100),
    )
