use hdrhistogram::Histogram;

use super::report::Quantiles;

/// A distribution of times, to 3 significant digits.
#[derive(Debug)]
pub(super) struct Timings(Histogram<u64>);

impl Timings {
    /// Adds a time in microseconds.
    pub(super) fn record(&mut self, us: u32) {
        self.0.record(us.into()).expect("it grows with its values");
    }

    /// Adds all times of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows with its values");
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let ms = |us: u64| us as f64 / 1000.0;
        let at = |quantile| ms(self.0.value_at_quantile(quantile));
        Quantiles { count: self.0.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: ms(self.0.max()) }
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self(Histogram::new(3).expect("3 significant digits are allowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_values() {
        let (mut low, mut high) = (Timings::default(), Timings::default());
        (1..=500).for_each(|ms| low.record(ms * 1000));
        (501..=1000).for_each(|ms| high.record(ms * 1000));
        low.append(&high);
        let of = low.quantiles();
        assert_eq!(of.count, 1000);
        for (value, expected) in [(of.p50, 500.0), (of.p90, 900.0), (of.p99, 990.0), (of.max, 1000.0)] {
            assert!((value - expected).abs() <= expected / 1000.0, "{value} is about {expected}");
        }
        low.record(u32::MAX);
        assert!(low.quantiles().max > 4_294_000.0, "an hour fits");
        assert_eq!(Timings::default().quantiles(), Quantiles::default(), "nothing is 0");
    }
}
