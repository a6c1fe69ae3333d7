"""The report: a run folder becomes one HTML file that opens offline.

`view.load(folder)` reads what there is to show, `html.render(view)` makes the page of it, and `html.write(folder)` does
both and writes `report.html`. The same folder gives the same bytes: no clock, path or host name enters a report except
from the run folder.
"""
