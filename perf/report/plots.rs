//! Plots: every goal beside what is to be reached, and the contestants of each bench beside ours. Ratios, so on a scale of
//! logarithms.

use crate::goals::{Goal, Judged, Standing, Verdict, number};
use crate::markdown::interval;
use crate::shared::findings::Findings;
use crate::shared::turns::Ratio;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One line of a plot.
pub struct Bar {
    /// What it is about; a heading has nothing else.
    pub label: String,
    /// What is written behind it.
    pub note: String,
    /// Where it lies; `None`: nowhere.
    pub at: Option<Ratio>,
    /// Another place to mark.
    pub mark: Option<f64>,
    /// Its colour.
    pub color: RGBColor,
}

/// Pixels of the parts of a plot.
const WIDTH: i32 = 1280;
const LEFT: i32 = 540;
const RIGHT: i32 = 260;
const TOP: i32 = 62;
const LINE: i32 = 19;
const BOTTOM: i32 = 34;

const GREEN_DARK: RGBColor = RGBColor(0x1b, 0x7f, 0x3b);
const BLUE_DARK: RGBColor = RGBColor(0x1f, 0x5f, 0xa8);
const RED_DARK: RGBColor = RGBColor(0xb3, 0x26, 0x1e);
const GREY: RGBColor = RGBColor(0x77, 0x77, 0x77);

/// Every goal by its worst finding, as a part of what is to be reached.
///
/// # Errors
/// It cannot be drawn.
pub fn goals(judged: &[Judged<'_>]) -> Result<String, String> {
    let bars: Vec<Bar> = judged.iter().map(goal).collect();
    chart(
        "Goals: the worst finding ÷ what is to be reached",
        "less than 1 is met; the small line is the moonshot",
        &bars,
    )
}

fn goal(judged: &Judged<'_>) -> Bar {
    let goal: &Goal = judged.goal;
    let worst = judged.seen.first().filter(|seen| seen.finding.measured());
    let Verdict { standing, crosses } = judged.verdict();
    let figure = worst.map_or_else(|| "not measured".to_owned(), |seen| number(seen.finding.ratio.median) + goal.unit);
    Bar {
        label: format!("{} {}", goal.row, goal.text),
        note: format!("{figure}, goal {}{}", goal.bound(goal.reach), if crosses { ", crosses" } else { "" }),
        at: worst.and_then(|seen| goal.scaled(seen.finding.ratio)),
        mark: goal.scaled(Ratio { median: goal.moonshot, low: goal.moonshot, high: goal.moonshot }).map(|at| at.median),
        color: match standing {
            Standing::Moonshot => GREEN_DARK,
            Standing::Met => BLUE_DARK,
            Standing::Missed => RED_DARK,
            Standing::Unmeasured => GREY,
        },
    }
}

/// The contestants of a bench; `None` if it has none.
///
/// # Errors
/// It cannot be drawn.
pub fn contestants(bench: &Findings) -> Option<Result<String, String>> {
    let mut bars = Vec::new();
    for (table, contestants) in &bench.nanos {
        bars.push(Bar { label: table.clone(), note: String::new(), at: None, mark: None, color: BLACK });
        for one in contestants {
            let known = |ratio: &Ratio| [ratio.median, ratio.low, ratio.high].iter().all(|x| x.is_finite() && *x > 0.0);
            let floor = one.name.starts_with("floor");
            // A floor that is counted in bytes, not in items, would only stretch the scale.
            let at = one.ratio.filter(known).filter(|at| !floor || at.median >= 0.002);
            bars.push(Bar {
                label: format!("  {}", one.name),
                note: format!("{}; {} ns", at.map_or_else(|| "–".to_owned(), interval), number(one.nanos.median)),
                at,
                mark: None,
                color: match at {
                    _ if floor => GREY,
                    Some(at) if at.median < 1.0 => RED_DARK,
                    _ => BLUE_DARK,
                },
            });
        }
    }
    let title = format!("{}: the time of each ÷ ours", bench.bench);
    (!bars.is_empty()).then(|| chart(&title, "more than 1 is slower than ours; beside it: median [p10 to p90]", &bars))
}

/// The ends of the scale: whole steps of 1, 2 and 5 around all that is to be seen, and 1.
fn ends(bars: &[Bar]) -> (f64, f64) {
    let seen = bars.iter().flat_map(|bar| bar.at.map(|at| [at.low, at.high]).into_iter().flatten().chain(bar.mark));
    let (low, high) = seen.fold((0.8, 1.25), |(low, high): (f64, f64), at| (low.min(at), high.max(at)));
    let (low, high) = (low.max(1e-4) * 0.999, high.min(1e6) * 1.001);
    let below = steps().filter(|step| *step <= low).fold(1e-5, f64::max);
    let above = steps().filter(|step| *step >= high).fold(1e7, f64::min);
    (below, above)
}

fn steps() -> impl Iterator<Item = f64> {
    // Read as they are written: 5 times a power of ten is not always what `5e-5` is.
    (-5..=7).flat_map(|power| [1, 2, 5].map(|step| format!("{step}e{power}").parse().expect("a number")))
}

/// Horizontal bars over a scale of logarithms, with a line at 1.
///
/// # Errors
/// It cannot be drawn.
pub fn chart(title: &str, note: &str, bars: &[Bar]) -> Result<String, String> {
    let mut text = String::new();
    draw(title, note, bars, &mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn draw(title: &str, note: &str, bars: &[Bar], text: &mut String) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let height = TOP + LINE * bars.len() as i32 + BOTTOM;
    let root = SVGBackend::with_string(text, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let (low, high) = ends(bars);
    let x = |at: f64| {
        let part = (at.clamp(low, high) / low).ln() / (high / low).ln();
        LEFT + (part * f64::from(WIDTH - LEFT - RIGHT)).round() as i32
    };
    let font = |size: i32, color: RGBColor, side: HPos| TextStyle {
        font: ("sans-serif", size).into_font(),
        color: color.to_backend_color(),
        pos: Pos::new(side, VPos::Center),
    };
    let line = |from: (i32, i32), to: (i32, i32), color: RGBColor, width: u32| {
        PathElement::new(vec![from, to], color.stroke_width(width))
    };
    root.draw(&Text::new(title.to_owned(), (12, 18), font(22, BLACK, HPos::Left)))?;
    root.draw(&Text::new(note.to_owned(), (12, 40), font(14, GREY, HPos::Left)))?;
    let bottom = height - BOTTOM;
    // Over a long scale only the powers of ten have room.
    let power = |step: f64| (step.log10() - step.log10().round()).abs() < 1e-9;
    for step in steps().filter(|step| (low..=high).contains(step) && (high / low < 3_000.0 || power(*step))) {
        let one = (step - 1.0).abs() < 1e-9;
        let color = if one { BLACK } else { RGBColor(0xdd, 0xdd, 0xdd) };
        root.draw(&line((x(step), TOP - 6), (x(step), bottom), color, 1))?;
        root.draw(&Text::new(step.to_string(), (x(step), bottom + 14), font(13, BLACK, HPos::Center)))?;
    }
    for (place, bar) in bars.iter().enumerate() {
        let y = TOP + LINE * place as i32 + LINE / 2;
        let heading = bar.at.is_none() && bar.note.is_empty();
        let (side, at) = if heading { (HPos::Left, 12) } else { (HPos::Right, LEFT - 10) };
        root.draw(&Text::new(bar.label.clone(), (at, y), font(if heading { 16 } else { 14 }, BLACK, side)))?;
        root.draw(&Text::new(bar.note.clone(), (WIDTH - RIGHT + 10, y), font(14, bar.color, HPos::Left)))?;
        if let Some(mark) = bar.mark {
            root.draw(&line((x(mark), y - 6), (x(mark), y + 6), GREY, 1))?;
        }
        if let Some(at) = bar.at {
            root.draw(&line((x(at.low), y), (x(at.high), y), bar.color, 2))?;
            for end in [at.low, at.high] {
                root.draw(&line((x(end), y - 4), (x(end), y + 4), bar.color, 1))?;
            }
            root.draw(&Circle::new((x(at.median), y), 4, bar.color.filled()))?;
        }
    }
    root.present()
}
