import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { tool } from '../../scripts/toolbox.mjs'
import * as user from './user.ts'

/** What a user's compiler sees: nothing is skipped that the package's declarations name. */
const strict = {
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  types: ['node'],
}

describe('the types of the installed package', () => {
  let work: string
  let project: string

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'types-'))
    project = user.project(join(work, 'project'), { type: 'module' })
    const flags = ['--no-audit', '--no-fund', '--prefer-offline']
    user.succeeds(['npm', 'install', ...flags, user.pack(work)], project)
    // The only declarations that a user has beside ours.
    mkdirSync(join(project, 'node_modules/@types'))
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(join(user.root, 'node_modules', name), join(project, 'node_modules', name))
    cpSync(join(user.root, 'test/package/typed-user.ts'), join(project, 'typed-user.ts'))
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  /** Compiles the user's program for a version of JavaScript. */
  function compile(target: string, lib: string[], outDir: string): user.Outcome {
    const options = { ...strict, target, lib, outDir }
    const config = join(project, `tsconfig.${target}.json`)
    writeFileSync(config, JSON.stringify({ compilerOptions: options, files: ['typed-user.ts'] }))
    const compiler = join(user.root, 'node_modules/typescript/bin/tsc')
    return user.run([process.execPath, compiler, '-p', config], project)
  }

  /** What the compiled program says of a mount inside and behind the braces of `await using`. */
  function runs(node: string, file: string): void {
    const enter = user.privately()
    assert.ok(typeof enter !== 'string', String(enter))
    const target = join(project, 'target')
    const text = user.succeeds([...enter, node, '--no-warnings', file, target], project)
    assert.deepEqual(JSON.parse(text), { inside: true, behind: false })
  }

  it('are what a user expects, in ES2022, where the compiler makes `await using` work', () => {
    assert.deepEqual(compile('es2022', ['es2022', 'esnext.disposable'], 'older'), { status: 0, text: '' })
    const code = readFileSync(join(project, 'older/typed-user.js'), 'utf8')
    assert.match(code, /__addDisposableResource/)
    if (typeof user.privately() !== 'string') runs(process.execPath, 'older/typed-user.js')
  })

  const title = '`await using` as Node.js 24 and newer have it themselves'
  user
    .itLong('two of Node.js are fetched', title, () => {
      assert.deepEqual(compile('esnext', ['esnext'], 'newer'), { status: 0, text: '' })
      assert.match(readFileSync(join(project, 'newer/typed-user.js'), 'utf8'), /await using view/)
      for (const name of ['node-24', 'node-26']) runs(tool(name), 'newer/typed-user.js')
    })
    .timeout(300_000)
})
