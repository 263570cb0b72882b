"""What happened when: sampled during a run, then a table and a picture."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

COLOURS = ("#555555", "#d95f02", "#7570b3", "#1b9e77", "#e7298a", "#66a61e")


class Timeline(threading.Thread):
    """Samples `read()` (series -> number) every half second from start() to stop()."""

    def __init__(self, read: Callable[[], dict[str, int]]):
        super().__init__(daemon=True)
        self._read = read
        self._stopping = threading.Event()
        self._begin = time.monotonic()
        self.samples: list[tuple[float, dict[str, int]]] = []

    def run(self) -> None:
        while not self._stopping.wait(0.5):
            moment = time.monotonic() - self._begin
            self.samples.append((moment, self._read()))

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def seconds(self, moment: float) -> float:
        return moment - self._begin

    def first(self, condition: Callable[[dict[str, int]], bool], after: float = 0) -> float:
        """When a sample first met the condition."""
        return next(moment for moment, sample in self.samples if moment >= after and condition(sample))

    def svg(self, title: str, marks: dict[str, float]) -> str:
        """Steps over time, one line per series, with a vertical rule for each mark."""
        width, height, left, top = 900, 300, 40, 50
        changes = [moment for (_, before), (moment, now) in zip(self.samples, self.samples[1:]) if before != now]
        end = changes[-1] + 5
        peak = max(max(sample.values()) for _, sample in self.samples) or 1

        def x(moment: float) -> float:
            return round(left + moment / end * (width - left - 20), 1)

        def y(value: float) -> float:
            return round(top + height - value / peak * height, 1)

        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + height + 70}" font-family="sans-serif" font-size="12">',
            f'<rect width="100%" height="100%" fill="white"/><text x="{left}" y="20" font-size="15">{title}</text>',
        ]
        for value in range(0, peak + 1, max(1, peak // 5)):
            parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(value)}" y2="{y(value)}" stroke="#eee"/>'
                         f'<text x="{left - 8}" y="{y(value) + 4}" text-anchor="end">{value}</text>')
        for second in range(0, int(end) + 1, 20):
            parts.append(f'<text x="{x(second)}" y="{top + height + 18}" text-anchor="middle">{second} s</text>')
        for index, (name, moment) in enumerate(marks.items()):
            parts.append(f'<line x1="{x(moment)}" x2="{x(moment)}" y1="{top}" y2="{top + height}" stroke="#999" stroke-dasharray="3 3"/>'
                         f'<text x="{x(moment) + 3}" y="{top - 4 - index % 2 * 12}" fill="#555" font-size="11">{name}</text>')
        for index, (name, colour) in enumerate(zip(self.samples[0][1], COLOURS)):
            path, previous = [], None
            for moment, sample in self.samples:
                if sample[name] != previous and moment < end:
                    path.append(f"M{x(moment)} {y(sample[name])}" if previous is None else f"H{x(moment)}V{y(sample[name])}")
                    previous = sample[name]
            parts.append(f'<path d="{"".join(path)}H{x(end)}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<rect x="{left + index * 140}" y="{top + height + 35}" width="12" height="12" fill="{colour}"/>'
                         f'<text x="{left + index * 140 + 18}" y="{top + height + 46}">{name}</text>')
        return "\n".join([*parts, "</svg>", ""])


def table(header: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
