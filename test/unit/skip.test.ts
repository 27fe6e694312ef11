import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '../..')
const suite = `
  import { describeUnless, itUnless, skip } from '${pathToFileURL(join(root, 'test/skip.ts')).href}'
  const named = { name: 'b', reason: 'no b' }
  itUnless(undefined, 'case', () => {})
  itUnless('no a', 'case', () => {})
  itUnless(named, 'case', () => {})
  describeUnless(undefined, 'suite', () => it('case', () => {}))
  describeUnless(named, 'suite', () => it('case', () => {}))
  describe('inside', () => {
    it('case', function () {
      skip(this, 'no c')
    })
  })
  describe('before all', () => {
    before(function () {
      skip(this, 'no d')
    })
    it('case', () => {})
    describe('below', () => it('case', () => {}))
  })
  describe('before each', () => {
    beforeEach(function () {
      if (this.currentTest.title === 'case') skip(this, 'no e')
    })
    it('case', () => {})
    it('other', () => {})
  })
`

interface Results {
  readonly passes: { fullTitle: string }[]
  readonly pending: { fullTitle: string }[]
  readonly failures: { fullTitle: string; err: { message: string } }[]
}

describe('what is skipped', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'skip-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  function run(REQUIRE: string): Results {
    const file = join(directory, 'suite.mjs')
    writeFileSync(file, suite)
    const words = [join(root, 'node_modules/mocha/bin/mocha.js'), '--reporter', 'json', file]
    const env = { ...process.env, REQUIRE }
    const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, env, encoding: 'utf8' })
    assert.ok(stdout.startsWith('{'), stdout + stderr)
    return JSON.parse(stdout) as Results
  }
  const titles = (cases: readonly { fullTitle: string }[]): string[] =>
    cases.map(({ fullTitle }) => fullTitle)

  it('says why in its title, wherever it is skipped', () => {
    const { passes, pending, failures } = run('')
    assert.deepEqual(titles(failures), [])
    assert.deepEqual(titles(passes), ['case', 'suite case', 'before each other'])
    assert.deepEqual(titles(pending), [
      'case (skipped: no a)',
      'case (skipped: no b)',
      'suite (skipped: no b)',
      'inside case (skipped: no c)',
      'before all case (skipped: no d)',
      'before all below case (skipped: no d)',
      'before each case (skipped: no e)',
    ])
  })

  it('fails where REQUIRE has its name', () => {
    const { passes, pending, failures } = run('a,b')
    assert.deepEqual([passes.length, pending.length], [3, 5])
    assert.deepEqual(titles(failures), ['case', 'suite'])
    for (const { err } of failures) assert.equal(err.message, 'REQUIRE names b: no b')
  })
})
