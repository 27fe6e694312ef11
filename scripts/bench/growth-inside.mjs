// `growth-inside.mjs <scratch> <options as JSON>`: the measuring itself, in the mount namespace that growth.mjs made.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bench } from './bench.mjs'
import { measureCurve, selectCurves } from './curves.mjs'
import { machine } from './machine.mjs'
import { curvePicture } from './picture.mjs'
import { duration } from './table.mjs'

const [scratch, words] = process.argv.slice(2)
const options = JSON.parse(words)

function print({ title, axis, series, skipped }) {
  console.log(`\n${title}`)
  if (skipped !== undefined) return console.log(`  skipped: ${skipped}`)
  const width = Math.max(axis.length, ...series.map(({ label }) => label.length)) + 2
  const points = series[0].points.map(([point]) => point)
  const line = (head, cells, tail = '') =>
    console.log(
      `  ${head.padEnd(width)}${cells.map((cell) => cell.padStart(10)).join('')}  ${tail}`.trimEnd(),
    )
  line(
    axis,
    points.map((point) => point.toLocaleString('en')),
  )
  for (const { label, points: found, verdict, growth } of series) {
    const tail = verdict === undefined ? '' : `${verdict} (${growth.toPrecision(3)})`
    line(
      label,
      found.map(([, nanoseconds]) => duration(nanoseconds)),
      tail,
    )
  }
}

const bench = new Bench(scratch, { seed: 1, factor: 1 })
const results = []
for (const curve of await selectCurves(options.curves)) {
  console.error(`${curve.name}…`)
  results.push(await measureCurve(curve, bench, options.most))
}
await bench.close()

const about = await machine(scratch)
if (options.pictures !== '') {
  mkdirSync(options.pictures, { recursive: true })
  for (const result of results.filter(({ skipped }) => skipped === undefined))
    writeFileSync(join(options.pictures, `growth-${result.name}.svg`), curvePicture(result))
}
if (options.json) console.log(JSON.stringify({ machine: about, results }, undefined, 1))
else {
  for (const [label, value] of Object.entries(about)) console.log(`${label.padEnd(12)}${value}`)
  results.forEach(print)
}
const bad = results
  .flatMap(({ series }) => series)
  .filter(({ verdict }) => !['flat', 'line', undefined].includes(verdict))
process.exitCode = bad.length === 0 ? 0 : 1
