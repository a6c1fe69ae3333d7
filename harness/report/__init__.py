"""The report: a run folder becomes one HTML file that opens offline.

`view.load(folder)` says what there is to show, `html.render(view)` shows it, `html.write(folder)` does both
and writes `report.html`. Same folder, same bytes: no clock, path or host name enters but from the run folder.
"""
