// What was measured, for people.

const heads = ['row', 'work', 'against', 'ours', 'peer', 'ratio', '95 %', 'bound', 'pairs', 'verdict']
const right = new Set(['ours', 'peer', 'ratio', 'pairs'])

/** Nanoseconds with three figures and a unit. */
export function duration(nanoseconds) {
  const units = ['ns', 'us', 'ms', 's']
  let value = nanoseconds
  let at = 0
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000
    at++
  }
  return `${value.toPrecision(3)} ${units[at]}`
}

/** A ratio; a small one as a fraction: 1/50 is easier to read than 0.0200. */
export function ratio(value) {
  return value < 0.1 ? `1/${Number((1 / value).toPrecision(3))}` : value.toPrecision(3)
}

function cells(result) {
  const { name, work, against = '', verdict } = result
  const head = [name, work, against]
  if (result.value !== undefined) {
    const { value, limit, unit } = result
    return [...head, `${value.toPrecision(3)} ${unit}`, '', '', '', `<= ${limit} ${unit}`, '', verdict]
  }
  const bound = boundOf(result)
  if (result.ratio === undefined)
    return [...head, '', '', '', '', bound, '', `${verdict}: ${firstLine(result)}`]
  const times = [duration(result.ours), duration(result.peer)]
  const range = `${ratio(result.low)} to ${ratio(result.high)}`
  return [...head, ...times, ratio(result.ratio), range, bound, String(result.pairs), verdict]
}

function boundOf({ bound, limit, unit }) {
  if (limit !== undefined) return `<= ${limit} ${unit}`
  return bound === undefined ? '' : `<= ${ratio(bound)}`
}

function firstLine({ reason }) {
  return reason.split('\n')[0]
}

/** The table as lines of text. */
export function table(results) {
  const rows = [heads, ...results.map(cells)]
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, at) => (right.has(heads[at]) ? cell.padStart(widths[at]) : cell.padEnd(widths[at])))
      .join('  ')
      .trimEnd(),
  )
}
