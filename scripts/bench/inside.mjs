// `inside.mjs <scratch> <options as JSON>`: the measuring itself, in the mount namespace that main.mjs made.
import { writeFileSync } from 'node:fs'
import { Bench } from './bench.mjs'
import { machine } from './machine.mjs'
import { rowsPicture } from './rows-picture.mjs'
import { selectRows } from './rows.mjs'
import { measure } from './runner.mjs'
import { table } from './table.mjs'

const [scratch, words] = process.argv.slice(2)
const options = JSON.parse(words)

async function run(rows) {
  const bench = new Bench(scratch, options)
  const results = []
  try {
    for (const row of rows) {
      console.error(`${row.name}…`)
      const result = await measure(row, bench, options)
      if (result.verdict === 'failed') console.error(result.reason)
      results.push(result)
    }
  } finally {
    await bench.close()
  }
  return results
}

function exitStatus(results) {
  const verdicts = results.map(({ verdict }) => verdict)
  if (verdicts.includes('missed') || verdicts.includes('failed')) return 1
  return verdicts.includes('undecided') || verdicts.includes('skipped') ? 2 : 0
}

const about = { ...(await machine(scratch)), factor: options.factor, seed: options.seed }
const results = await run(await selectRows(options.rows))
if (options.picture !== '') writeFileSync(options.picture, rowsPicture(results, about))
if (options.json) console.log(JSON.stringify({ machine: about, results }, undefined, 1))
else {
  for (const [label, value] of Object.entries(about)) console.log(`${label.padEnd(12)}${value}`)
  console.log(`\n${table(results).join('\n')}`)
}
process.exitCode = exitStatus(results)
