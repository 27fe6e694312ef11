// `npm run bench:growth`: how costs grow. docs/bench.md tells how to read it.
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { runApart } from './apart.mjs'
import { selectCurves } from './curves.mjs'

const usage = `npm run bench:growth -- [options] [curve…]

  --list          name the curves
  --scratch DIR   where things are made, and deleted at the end (the system's directory for temporary files)
  --most N        no points beyond N (1000000)
  --pictures DIR  draw each curve as DIR/growth-<curve>.svg
  --json          print JSON
Ends with 1 when a cost grows faster than it should.`

const text = (value) => ({ type: 'string', default: value })
const flag = { type: 'boolean', default: false }

try {
  const { values, positionals } = parseArgs({
    options: {
      scratch: text(tmpdir()),
      most: text('1000000'),
      pictures: text(''),
      json: flag,
      list: flag,
      help: flag,
    },
    allowPositionals: true,
  })
  const most = Number(values.most)
  if (!(most > 0)) throw new Error('--most takes a number above 0')
  const curves = await selectCurves(positionals)
  if (values.help) console.log(usage)
  else if (values.list) for (const { name, title } of curves) console.log(`${name.padEnd(12)}${title}`)
  else {
    const options = { ...values, most, curves: positionals }
    process.exitCode = await runApart('growth-inside.mjs', options)
  }
} catch (error) {
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 1
}
