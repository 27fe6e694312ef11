// The rows as one picture, for README.
import { drawn } from './picture.mjs'
import { duration, ratio } from './table.mjs'

/** Verdicts by shape as well, for who tells no colours apart. */
const shapes = {
  holds: ['circle', '#0072b2'],
  missed: ['triangle', '#d55e00'],
  undecided: ['diamond', '#e69f00'],
}

/** How much of its bound a row takes: 1 is the bound. For both kinds of rows; undefined for one that was not measured, or has none. */
function share(result) {
  if (result.value !== undefined) {
    const of = (value) => value / result.limit
    return { middle: of(result.value), low: of(Math.min(...result.values)), high: of(result.value) }
  }
  if (result.ratio === undefined || result.bound === undefined) return undefined
  const of = (value) => value / result.bound
  return { middle: of(result.ratio), low: of(result.low), high: of(result.high) }
}

/** A line with ends, from the lowest to the highest of a row. */
function interval(_, api) {
  const [low, high] = [0, 1].map((at) => api.coord([api.value(at), api.value(2)]))
  const bar = (x) => ({ x1: x, y1: low[1] - 4, x2: x, y2: low[1] + 4 })
  const line = (shape) => ({ type: 'line', shape, style: { stroke: '#555555', lineWidth: 1.2 } })
  const whole = { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }
  return { type: 'group', children: [whole, bar(low[0]), bar(high[0])].map(line) }
}

/** What the right side says of a row: ours, the peer's, and their ratio. */
function figures(result) {
  if (result.value !== undefined)
    return `${result.value.toPrecision(3)} ${result.unit}, at most ${result.limit}`
  const bound = ratio(result.bound)
  return `${duration(result.ours)} : ${duration(result.peer)} = ${ratio(result.ratio)}, at most ${bound}`
}

const axes = (rows) => {
  const category = { type: 'category', inverse: true, axisTick: { show: false } }
  const said = { fontSize: 10, color: '#555555' }
  return [
    { ...category, data: rows.map(({ result }) => result.name), axisLabel: { fontSize: 11 } },
    {
      ...category,
      data: rows.map(({ result }) => figures(result)),
      axisLabel: said,
      axisLine: { show: false },
    },
  ]
}

function marks(rows) {
  return Object.entries(shapes).map(([verdict, [symbol, color]]) => ({
    type: 'scatter',
    name: verdict,
    symbol,
    symbolSize: 9,
    itemStyle: { color },
    data: rows.flatMap(({ result, share: { middle } }, at) =>
      result.verdict === verdict ? [[middle, at]] : [],
    ),
  }))
}

function series(rows) {
  const bound = {
    symbol: 'none',
    silent: true,
    lineStyle: { color: '#d55e00', type: 'solid', width: 1.5 },
    label: { formatter: 'bound', position: 'start' },
    data: [{ xAxis: 1 }],
  }
  const intervals = rows.map(({ share: { low, high } }, at) => [low, high, at])
  return [
    { type: 'custom', renderItem: interval, encode: { x: [0, 1], y: 2 }, data: intervals },
    ...marks(rows),
    { type: 'line', data: [], markLine: bound },
    // Without one of its own the right axis would not be drawn.
    { type: 'line', yAxisIndex: 1, data: [] },
  ]
}

/** Every row that was measured, a line each: where it lies between nothing and its bound. */
export function rowsPicture(results, { date, kernel, processor, node }) {
  const all = results.map((result) => ({ result, share: share(result) }))
  const rows = all.filter((row) => row.share !== undefined)
  const xAxis = { type: 'log', name: 'of the bound (1), the less the better', nameLocation: 'middle' }
  return drawn(
    {
      title: {
        text: 'What each row of the benches takes of its bound',
        subtext: `${date.slice(0, 10)}, Linux ${kernel}, ${processor}, Node.js ${node}; lines are 95 % intervals`,
        left: 'center',
        textStyle: { fontSize: 15 },
      },
      legend: { bottom: 0, data: Object.keys(shapes) },
      grid: { left: 170, right: 300, top: 75, bottom: 70 },
      xAxis: { ...xAxis, nameGap: 26, axisLabel: { formatter: (value) => String(value) } },
      yAxis: axes(rows),
      series: series(rows),
    },
    { width: 980, height: 160 + 19 * rows.length },
  )
}
