import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { fetched } from '../../scripts/toolbox.mjs'
import { skip } from '../skip.ts'
import * as user from './user.ts'

const text = readFileSync(join(user.root, 'package.json'), 'utf8')
const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> }

/** What makes use of each. */
const users: Record<string, string> = { commander: 'test/unit/cli', 'tar-stream': 'test/unit/archive' }

user.describeLong('the oldest and the newest are fetched', 'dependencies at run time', () => {
  let work: string

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'dependencies-'))
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  /** The checkout, with a dependency at another version. */
  function checkout(name: string, version: string): string {
    const copy = join(work, `${name}@${version}`)
    mkdirSync(join(copy, 'node_modules'), { recursive: true })
    for (const part of [
      'package.json',
      'README.md',
      'tsconfig.json',
      'tsconfig.test.json',
      '.mocharc.json',
      'lib',
      'man',
      'test',
    ])
      cpSync(join(user.root, part), join(copy, part), { recursive: true })
    cpSync(join(user.root, 'dist'), join(copy, 'dist'), { recursive: true })
    for (const entry of readdirSync(join(user.root, 'node_modules')))
      if (entry !== name)
        symlinkSync(join(user.root, 'node_modules', entry), join(copy, 'node_modules', entry))
    symlinkSync(join(fetched(name, version), name), join(copy, 'node_modules', name))
    return copy
  }

  for (const [name, range] of Object.entries(dependencies)) {
    const [, oldest, newest] = /^>=(\S+) <=(\S+)$/.exec(range) ?? []
    for (const version of [oldest!, newest!]) {
      it(`${name} ${version}: what is done with it is right`, () => {
        const copy = checkout(name, version)
        const found = JSON.parse(
          readFileSync(join(copy, 'node_modules', name, 'package.json'), 'utf8'),
        ) as object
        assert.ok('version' in found && found.version === version)
        const mocha = join(user.root, 'node_modules/.bin/mocha')
        const env = {
          ...user.environment(),
          GRAPHDRIVER_NATIVE: join(user.root, 'build/Release/graphdriver.node'),
        }
        const done = user.run([process.execPath, mocha, `${users[name]!}/**/*.test.ts`], copy, env)
        assert.equal(done.status, 0, done.text)
        assert.match(done.text, /[1-9]\d* passing/)
      }).timeout(600_000)
    }
  }

  it('have no known vulnerabilities', function () {
    const done = user.run(['npm', 'audit', '--omit=dev', '--audit-level=low'], user.root)
    const unanswered = /audit endpoint returned an error|ENOAUDIT|ENOTFOUND|EAI_AGAIN/.test(done.text)
    if (unanswered) skip(this, 'this registry answers no audits')
    assert.equal(done.status, 0, done.text)
    assert.match(done.text, /found 0 vulnerabilities/)
  })
})
