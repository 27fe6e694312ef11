// Pictures for the documents: SVG, drawn by echarts without a browser.
import * as echarts from 'echarts'
import { duration } from './table.mjs'

/** Told apart by who sees no red or green, too (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']

/** A chart's options as the text of an SVG file. */
export function drawn(options, { width, height }) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({ animation: false, backgroundColor: '#ffffff', color: colours, ...options })
    return `${chart.renderToSVGString()}\n`
  } finally {
    chart.dispose()
  }
}

/** 100 us, not 100.0 us. */
const tick = (nanoseconds) => duration(nanoseconds).replace(/\.0+ /, ' ')

/** A curve, both axes by powers of ten: what grows like its axis is a diagonal, what does not grow is level. */
export function curvePicture({ title, axis, series }) {
  const logarithmic = { type: 'log', nameLocation: 'middle', minorTick: { show: true } }
  return drawn(
    {
      title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
      legend: { bottom: 0, itemGap: 30, data: series.map(({ label }) => label) },
      grid: { left: 90, right: 30, top: 50, bottom: 100 },
      xAxis: {
        ...logarithmic,
        name: axis,
        nameGap: 28,
        axisLabel: { formatter: (value) => value.toLocaleString('en') },
      },
      yAxis: { ...logarithmic, name: 'time of one', nameGap: 65, axisLabel: { formatter: tick } },
      series: series.map(({ label, points, expect }) => ({
        type: 'line',
        name: label,
        data: points,
        symbolSize: 6,
        lineStyle: { type: expect === undefined ? 'dashed' : 'solid' },
      })),
    },
    { width: 760, height: 460 },
  )
}
