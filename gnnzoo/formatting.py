"""Text forms of numbers for messages: durations and amounts of work."""


def duration(seconds: float) -> str:
    """Format a time span: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min.

    Args:
        seconds: the time span, s.

    Returns:
        The text.
    """
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def amount(number: float, unit: str) -> str:
    """Format an amount of work: (1234567, "frames") -> "1,234,567 frames"; small rates with one decimal.

    Args:
        number: how many.
        unit: what is counted; "bytes" are given in MB.

    Returns:
        The text.
    """
    if unit == "bytes":
        return f"{number / 1e6:,.1f} MB"
    return f"{number:,.0f} {unit}" if number >= 10 or number == int(number) else f"{number:.1f} {unit}"
