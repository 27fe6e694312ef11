import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { LONG, seedOr } from '../figures.ts'
import { borrowing, signatures } from './signatures.ts'
import { addonPath, calls, scratch } from './support.ts'


describe('native: random arguments', () => {
  // Before the directory is deleted.
  after(() => {
    chmodSync(at('cage'), 0o755)
  })
  const { path, at } = scratch()
  // A process can have been broken long before it crashes, so there are several.
  const processes = LONG ? 100 : 2
  const rounds = LONG ? 10_000 : 2500

  before(() => {
    chmodSync(path, 0o755)
    mkdirSync(at('cage'))
    writeFileSync(at('cage', 'file'), 'x')
    chmodSync(at('cage', 'file'), 0o444)
    chmodSync(at('cage'), 0o555)
  })

  it(`${String(processes * rounds)} calls of every function, of the right types and of any: nothing crashes`, function () {
    this.timeout(processes * 120_000)
    const known = Object.fromEntries(Object.entries(signatures).filter(([name]) => `${name}Sync` in calls))
    for (let turn = 0; turn < processes; turn++) {
      const seed = seedOr(7_000_000) + turn * rounds
      const job = {
        addon: addonPath,
        directory: at('cage'),
        signatures: known,
        borrowing: [...borrowing],
        seed,
        rounds,
      }
      const caller = [join(import.meta.dirname, 'caller.mjs'), JSON.stringify(job)]
      const child = spawnSync(process.execPath, caller, {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
        timeout: 110_000,
      })
      const where = `seed ${String(seed)}: ${child.stderr.slice(-3000)}`
      assert.deepEqual([child.signal, child.status], [null, 0], where)
      const { answered, refused, handles } = JSON.parse(child.stdout) as Record<string, number>
      // Most get past the check of their types, and the jobs that last are begun, too.
      assert.ok(answered! > rounds / 3 && refused! > rounds / 20 && handles! > 24, child.stdout)
    }
  })
})
