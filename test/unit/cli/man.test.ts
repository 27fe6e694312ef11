import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { VERBS } from '#lib/cli/verbs.js'
import { skip } from '../../skip.ts'

const page = resolve(import.meta.dirname, '../../../man/graphdriver.1')

describe('the man page', () => {
  it('has every verb with its options', () => {
    const text = readFileSync(page, 'utf8').replaceAll('\\-', '-')
    for (const { name, options = [] } of VERBS) {
      assert.match(text, new RegExp(`^\\\\fBgraphdriver ${name}\\\\fR`, 'm'))
      for (const { flags } of options) assert.ok(text.includes(flags), `${name} ${flags}`)
    }
  })

  it('is read by groff without a warning', function () {
    const done = spawnSync('groff', ['-man', '-ww', '-Tutf8', page], { encoding: 'utf8' })
    if (done.error !== undefined) skip(this, 'groff is missing: apt-get install groff')
    assert.equal(done.stderr, '')
    assert.match(done.stdout, /GRAPHDRIVER\(1\)/)
  })
})
