"""An application whose alert is about a job type that there is not."""

from __future__ import annotations

from conveyor import Conveyor, SlowJobs

app = Conveyor("sqlite:///given-by-each-test.db")

app.alerts.add("slow", SlowJobs(5, type="misspelt"))
