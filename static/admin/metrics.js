/** Counters between two reads of `/metrics`, as rates; and what they are now. */
export class Metrics {
  #values = new Map();

  /** Reads Prometheus' text format. `at`: when it was read, by the clock of `performance.now()`. */
  constructor(text, at) {
    this.at = at;
    for (const line of text.split('\n')) {
      const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!found) continue;
      const [, name, labels = '', value] = found;
      if (!this.#values.has(name)) this.#values.set(name, []);
      this.#values.get(name).push({ labels: labelsOf(labels), value: Number(value) });
    }
  }

  /** The sum of a metric over the label values that `fits` takes; null if there is none of that name. */
  sum(name, fits = () => true) {
    const all = this.#values.get(name);
    if (!all) return null;
    return all.filter(({ labels }) => fits(labels)).reduce((sum, { value }) => sum + value, 0);
  }

  /** How much a counter rose per second since `before`. */
  rate(before, name, fits) {
    const [now, then] = [this.sum(name, fits), before.sum(name, fits)];
    // A counter that fell is of another process.
    return now === null || then === null || now < then ? null : (now - then) * 1000 / (this.at - before.at);
  }

  /** The quantile of a histogram of seconds since `before`, in milliseconds; null if nothing was counted. */
  quantile(before, name, share, fits = () => true) {
    const buckets = this.#buckets(name, fits);
    const then = new Map(before.#buckets(name, fits));
    const counts = buckets.map(([le, value]) => [le, value - (then.get(le) ?? 0)]);
    const total = counts.at(-1)?.[1] ?? 0;
    if (!(total > 0)) return null;
    const wanted = share * total;
    let [low, under] = [0, 0];
    for (const [le, value] of counts) {
      if (value >= wanted) return 1000 * (le === Infinity ? low : low + (le - low) * (wanted - under) / Math.max(value - under, 1));
      [low, under] = [le, value];
    }
    return 1000 * low;
  }

  /** The counts of a histogram up to each bound, over all labels that fit. */
  #buckets(name, fits) {
    const sums = new Map();
    for (const { labels, value } of this.#values.get(`${name}_bucket`) ?? []) {
      if (!fits(labels)) continue;
      const le = labels.le === '+Inf' ? Infinity : Number(labels.le);
      sums.set(le, (sums.get(le) ?? 0) + value);
    }
    return [...sums].sort(([a], [b]) => a - b);
  }
}

const labelsOf = (text) => Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
