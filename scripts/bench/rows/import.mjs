// What a program pays for importing the package: against an empty module, in processes of their own.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture, root } from '../../run.mjs'
import { median } from '../statistics.mjs'

const RUNS = 15
const ADDON = process.env.GRAPHDRIVER_NATIVE ?? join(root, 'build/Release/graphdriver.node')

function took(bench, module) {
  const file = bench.at('import.mjs')
  // The clock of the process itself, so that the start of Node does not count.
  const text = `const began = performance.now()
await import(${JSON.stringify(module)})
process.stdout.write(String(performance.now() - began))
`
  writeFileSync(file, text)
  const output = capture(process.execPath, [file])
  if (output === undefined) throw new Error(`importing ${module} failed`)
  return Number(output)
}

/** What `require` of the addon takes, beside `require` of an empty module, in a process that has loaded something before. */
function loaded(bench) {
  const file = bench.at('addon.cjs')
  const [addon, first, empty] = [ADDON, bench.at('first.cjs'), bench.at('empty.cjs')].map((path) =>
    JSON.stringify(path),
  )
  const text = `require(${first})
const took = [${addon}, ${empty}].map((path) => {
  const began = performance.now()
  require(path)
  return performance.now() - began
})
process.stdout.write(String(took[0] - took[1]))
`
  writeFileSync(file, text)
  const output = capture(process.execPath, [file])
  if (output === undefined) throw new Error('requiring the addon failed')
  return Number(output)
}

const addon = {
  name: 'import-addon',
  work: 'requiring the addon in a new process, an empty module taken off',
  limit: 0.5,
  unit: 'ms',
  prepare: (bench) => {
    for (const name of ['first.cjs', 'empty.cjs']) writeFileSync(bench.at(name), '')
    return bench
  },
  measure: (bench) => median(Array.from({ length: RUNS }, () => loaded(bench))),
}

const whole = {
  name: 'import',
  work: "importing 'graphdriver' in a new process, an empty module taken off",
  limit: 15,
  unit: 'ms',
  prepare: (bench) => {
    writeFileSync(bench.at('empty.mjs'), '')
    return bench
  },
  measure: (bench) => {
    const times = { ours: [], empty: [] }
    for (let at = 0; at < RUNS; at++) {
      times.ours.push(took(bench, import.meta.resolve('graphdriver')))
      times.empty.push(took(bench, `file://${bench.at('empty.mjs')}`))
    }
    return median(times.ours) - median(times.empty)
  },
}

export default [whole, addon]
