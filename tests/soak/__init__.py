"""The long repetitions: what holds once must hold thirty, seventy and fifty times."""
