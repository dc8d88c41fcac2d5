//! The text format of OpenMetrics 1.0, read strictly.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Labels = BTreeMap<String, String>;

/// All that is told under one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// What follows the family's name: `_total`, `_bucket`, …
    pub(crate) suffix: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Family {
    /// The names of its labels, `le` aside.
    pub(crate) fn labels(&self) -> BTreeSet<&str> {
        let names = self.samples.iter().flat_map(|sample| sample.labels.keys());
        names
            .map(String::as_str)
            .filter(|name| *name != "le")
            .collect()
    }
}

/// What was served, by the names of the families.
#[derive(Debug)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, Family>);

impl Metrics {
    /// The value of a sample, named as in the text; 0 where there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let wanted: Labels = wanted.collect();
        let samples = self.0.iter().flat_map(|(family, one)| {
            let of = move |sample: &&Sample| format!("{family}{}", sample.suffix) == name;
            one.samples.iter().filter(of)
        });
        let mut values = samples.filter(|sample| sample.labels == wanted);
        values.next().map_or(0.0, |sample| sample.value)
    }

    /// The sum over all labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let family = name.trim_end_matches("_total");
        let samples = self.0.get(family).map(|family| &family.samples);
        samples
            .into_iter()
            .flatten()
            .map(|sample| sample.value)
            .sum()
    }
}

/// Reads a whole answer.
pub(crate) fn parse(text: &str) -> Result<Metrics> {
    let body = text
        .strip_suffix("# EOF\n")
        .context("no # EOF at the end")?;
    let mut families = BTreeMap::<String, Family>::new();
    let mut current: Option<String> = None;
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').with_context(|| line.to_owned())?;
            ensure!(is_name(name) && !help.is_empty(), "{line}");
            let before = families.insert(name.to_owned(), Family::default());
            ensure!(before.is_none(), "{name} comes twice");
            current = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').with_context(|| line.to_owned())?;
            ensure!(
                current.as_deref() == Some(name),
                "{line} has no HELP before"
            );
            let family = families.get_mut(name).context("no family")?;
            ensure!(
                family.kind.is_empty() && family.samples.is_empty(),
                "{line}"
            );
            family.kind = kind.to_owned();
        } else {
            let name = current.as_deref().with_context(|| line.to_owned())?;
            let family = families.get_mut(name).context("no family")?;
            let sample = sample(line, name).with_context(|| line.to_owned())?;
            family.samples.push(sample);
        }
    }
    for (name, family) in &families {
        check(family).with_context(|| name.clone())?;
    }
    Ok(Metrics(families))
}

fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(good)
}

fn sample(line: &str, family: &str) -> Result<Sample> {
    let rest = line.strip_prefix(family).context("of another family")?;
    let end = rest.find(['{', ' ']).context("no value")?;
    let (suffix, rest) = rest.split_at(end);
    let mut labels = Labels::new();
    let mut rest = rest;
    if let Some(inside) = rest.strip_prefix('{') {
        let mut inside = inside;
        loop {
            let (name, after) = inside.split_once("=\"").context("no label")?;
            ensure!(is_name(name), "label {name}");
            let (value, after) = quoted(after)?;
            ensure!(
                labels.insert(name.to_owned(), value).is_none(),
                "{name} twice"
            );
            match after.strip_prefix(',') {
                Some(more) => inside = more,
                None => {
                    rest = after.strip_prefix('}').context("no end of labels")?;
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').context("no value")?;
    Ok(Sample {
        suffix: suffix.to_owned(),
        labels,
        value: value.parse()?,
    })
}

/// A label's value to its closing quote, and what follows.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('\\' | '"'))) => value.push(c),
                other => bail!("escape {other:?}"),
            },
            c => value.push(c),
        }
    }
    bail!("no closing quote")
}

fn check(family: &Family) -> Result<()> {
    let suffixes: &[&str] = match family.kind.as_str() {
        "counter" => &["_total"],
        "gauge" => &[""],
        "histogram" => &["_bucket", "_count", "_sum"],
        "info" => &["_info"],
        other => bail!("type {other:?}"),
    };
    ensure!(!family.samples.is_empty(), "nothing in it");
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        ensure!(suffixes.contains(&sample.suffix.as_str()), "{sample:?}");
        ensure!(
            seen.insert((&sample.suffix, &sample.labels)),
            "{sample:?} twice"
        );
        ensure!(
            sample.labels.contains_key("le") == (sample.suffix == "_bucket"),
            "{sample:?}"
        );
        ensure!(
            sample.value.is_finite() && sample.value >= 0.0,
            "{sample:?}"
        );
        ensure!(family.kind != "info" || sample.value == 1.0, "{sample:?}");
    }
    if family.kind == "histogram" {
        histogram(&family.samples)?;
    }
    Ok(())
}

fn histogram(samples: &[Sample]) -> Result<()> {
    let mut counted: BTreeMap<Labels, (f64, f64)> = BTreeMap::new();
    for bucket in samples.iter().filter(|sample| sample.suffix == "_bucket") {
        let mut labels = bucket.labels.clone();
        let bound = match labels.remove("le").context("no le")?.as_str() {
            "+Inf" => f64::INFINITY,
            bound => bound.parse()?,
        };
        if let Some((before, count)) = counted.insert(labels, (bound, bucket.value)) {
            ensure!(before < bound && count <= bucket.value, "{bucket:?}");
        }
    }
    for count in samples.iter().filter(|sample| sample.suffix == "_count") {
        let last = counted.remove(&count.labels);
        ensure!(
            last == Some((f64::INFINITY, count.value)),
            "{count:?}: {last:?}"
        );
        let sum = |one: &&Sample| one.suffix == "_sum" && one.labels == count.labels;
        ensure!(samples.iter().any(|one| sum(&one)), "{count:?} has no sum");
    }
    ensure!(counted.is_empty(), "without a count: {counted:?}");
    Ok(())
}
