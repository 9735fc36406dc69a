//! Lines over time as SVG, plain enough to be read in a diff. It knows nothing of what they mean.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 36.0;
/// Told apart also by those who see red and green alike.
const COLORS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// One line: its name, and where it goes.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// For bright pages and for dark ones.
const STYLE: &str = "<style>text{fill:#222}.back{fill:#fff}.grid{stroke:#ddd}.warm{fill:#8882}\
    @media (prefers-color-scheme:dark){text{fill:#ddd}.back{fill:#0d1117}.grid{stroke:#333}}</style>";

/// How a plot is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// For latencies, which lie far apart.
    pub logarithmic: bool,
    /// Seconds at the begin that do not count.
    pub warm: f64,
}

/// Lines over seconds. Those without a single point are left out.
pub fn svg(title: &str, unit: &str, lines: &[Line], look: Look) -> String {
    let Look { logarithmic, warm } = look;
    let is_there = |line: &&Line| line.points.iter().any(|(x, y)| x.is_finite() && y.is_finite());
    let lines: Vec<&Line> = lines.iter().filter(is_there).collect();
    let all = || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
    let x_most = all().map(|(x, _)| *x).fold(1.0, f64::max);
    let y_most = all().map(|(_, y)| *y).fold(0.0, f64::max);
    let least = all().map(|(_, y)| *y).filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min);
    let ticks = if logarithmic { decades(least, y_most) } else { steps(y_most) };
    let (bottom, top) = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
    let x_of = |x: f64| LEFT + (WIDTH - LEFT - RIGHT) * x / x_most;
    let y_of = |y: f64| {
        let part = match logarithmic {
            true => (y.max(bottom).log10() - bottom.log10()) / (top.log10() - bottom.log10()),
            false => (y - bottom) / (top - bottom),
        };
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         {STYLE}<rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"13\">{}</text>\n",
        escape(&format!("{title} ({unit})"))
    );
    if warm > 0.0 {
        let _ = writeln!(
            out,
            "<rect class=\"warm\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\">warm-up</text>",
            x_of(warm.min(x_most)) - LEFT,
            HEIGHT - TOP - BOTTOM,
            LEFT + 4.0,
            TOP + 12.0
        );
    }
    for tick in &ticks {
        let y = y_of(*tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            short(*tick)
        );
    }
    for tick in steps(x_most).into_iter().filter(|tick| *tick <= x_most) {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} s</text>",
            x_of(tick),
            HEIGHT - BOTTOM + 18.0,
            short(tick)
        );
    }
    for (number, line) in lines.into_iter().enumerate() {
        let color = COLORS[number % COLORS.len()];
        let points = line.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let points: Vec<_> = points.map(|(x, y)| format!("{:.1},{:.1}", x_of(*x), y_of(*y))).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.join(" ")
        );
        #[allow(clippy::cast_precision_loss)] // a handful of lines
        let y = TOP + 8.0 + 18.0 * number as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"3\" fill=\"{color}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT + 12.0,
            y - 5.0,
            WIDTH - RIGHT + 30.0,
            y,
            escape(&line.name)
        );
    }
    out + "</svg>\n"
}

/// From 0 to beyond the greatest value in at most ten even steps.
fn steps(most: f64) -> Vec<f64> {
    let most = if most > 0.0 { most } else { 1.0 };
    let rough = 10_f64.powf((most / 5.0).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|n| n * rough).into_iter().find(|step| most / step <= 6.0).unwrap_or(most);
    let mut ticks = vec![0.0];
    while ticks[ticks.len() - 1] < most && ticks.len() < 12 {
        #[allow(clippy::cast_precision_loss)] // at most twelve
        ticks.push(step * ticks.len() as f64);
    }
    ticks
}

/// Powers of ten around the values.
fn decades(least: f64, most: f64) -> Vec<f64> {
    let (least, most) = if least.is_finite() { (least, most.max(least)) } else { (1.0, 10.0) };
    #[allow(clippy::cast_possible_truncation)] // exponents of milliseconds
    let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    (from..=to.max(from + 1)).map(|power| 10_f64.powi(power)).collect()
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", trimmed(v / 1e6)),
        v if v >= 1e4 => format!("{} k", trimmed(v / 1e3)),
        v => trimmed(v),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_reach_beyond_what_is_shown() {
        for most in [0.0, 0.3, 1.0, 7.0, 41_667.0, 2.1e9] {
            let ticks = steps(most);
            assert!(ticks.len() <= 12 && ticks[ticks.len() - 1] >= most, "{most}: {ticks:?}");
        }
        assert_eq!(decades(0.5, 30.0), [0.1, 1.0, 10.0, 100.0]);
        assert_eq!(decades(f64::INFINITY, 0.0).len(), 2);
    }

    #[test]
    fn a_plot_holds_every_line_and_no_markup_of_others() {
        let line =
            |name: &str, y| Line { name: name.to_owned(), points: vec![(0.0, y), (1.0, f64::NAN), (2.0, y)] };
        let look = Look { logarithmic: true, warm: 1.0 };
        let lines = [line("p50", 1.0), line("p99 & more", 20.0), line("never", f64::NAN)];
        let plot = svg("a <b>", "ms", &lines, look);
        assert!(plot.contains(">warm-up<") && !plot.contains("never"), "{plot}");
        assert_eq!(plot.matches("<polyline").count(), 2);
        assert!(plot.contains("a &lt;b>") && plot.contains("p99 &amp; more") && !plot.contains("NaN"));
    }
}
