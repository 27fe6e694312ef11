// What a program pays for importing the package: against an empty module, in processes of their own.
import { writeFileSync } from 'node:fs'
import { capture } from '../../run.mjs'
import { median } from '../statistics.mjs'

const RUNS = 15

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

export default {
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
