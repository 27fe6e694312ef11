import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const checks = resolve(import.meta.dirname, '../../scripts/checks')

/** The checks guard the house only as long as they fail when they should. */
describe('the checks find what they look for', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'checks-'))
  })
  afterEach(() => {
    rmSync(directory, { recursive: true })
  })

  function write(path: string, text: string): string {
    const file = join(directory, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  function check(name: string, ...args: string[]): { status: number | null; text: string } {
    const done = spawnSync(process.execPath, [join(checks, `${name}.mjs`), ...args], { encoding: 'utf8' })
    return { status: done.status, text: done.stdout + done.stderr }
  }

  describe('floors', () => {
    it('accepts the own directory, shared files above it and lower floors', () => {
      write(
        'drivers/overlay/plan.ts',
        "import './words.ts'\nimport '../driver.ts'\nimport '../../mount/plan.ts'\n",
      )
      write('drivers/registry.ts', "import './overlay/plan.ts'\nimport '../sys/index.ts'\n")
      write('index.ts', "export * from './drivers/registry.ts'\n")
      assert.equal(check('floors', directory).status, 0)
    })

    const refused: Array<[what: string, file: string, text: string]> = [
      ['a floor above', 'mount/a.ts', "import '../store/b.ts'"],
      ['a floor above, types only', 'sys/a.ts', "import type { B } from '../mount/b.ts'"],
      ['a floor above, exported on', 'store/a.ts', "export { b } from '../drivers/b.ts'"],
      ['a floor above, imported late', 'store/a.ts', "export const b = import('../drivers/b.ts')"],
      ['the other part of one floor', 'mount/a.ts', "import '../archive/b.ts'"],
      ['a sibling directory', 'drivers/vfs/a.ts', "import '../overlay/b.ts'"],
      ['the top from below', 'drivers/a.ts', "import '../index.ts'"],
      ['a directory without a floor', 'sys/a.ts', "import '../misc/b.ts'"],
      ['a file outside lib', 'sys/a.ts', "import '../../scripts/b.ts'"],
      ['the package by its name', 'store/a.ts', "import 'graphdriver/sys'"],
      ['an import without .ts', 'store/a.ts', "import './b.js'"],
      ['a second loader of native code', 'store/a.ts', "import { createRequire } from 'node:module'"],
    ]
    for (const [what, file, text] of refused) {
      it(`refuses ${what}`, () => {
        write(file, text)
        const { status, text: words } = check('floors', directory)
        assert.equal(status, 1)
        assert.ok(words.includes(file), words)
      })
    }
  })

  describe('sizes', () => {
    const lines = (count: number, text: string): string => `${text}\n`.repeat(count)

    it('accepts 400 lines and functions of 50', () => {
      write('native/a.cc', `int f(int a) {\n${lines(50, '  a++;')}}\n${lines(348, '// x')}`)
      assert.equal(check('sizes', directory).status, 0)
    })
    it('refuses 401 lines', () => {
      write('native/a.cc', lines(401, '// x'))
      assert.match(check('sizes', directory).text, /a\.cc: 401 lines/)
    })
    it('refuses a function of 51 lines', () => {
      write('native/a.cc', `int f(int a) {\n${lines(51, '  a++;')}}\n`)
      assert.match(check('sizes', directory).text, /a\.cc:1: a function of 51 lines/)
    })
  })

  describe('any', () => {
    it('accepts declarations without it, whatever their comments say', () => {
      write('a.d.ts', '/** any of these */\nexport declare function any(many: unknown): string\n')
      assert.equal(check('any', directory).status, 0)
    })
    it('refuses it, however deep', () => {
      write('b/a.d.ts', 'export declare function f(a: string): Promise<Map<string, any[]>>\n')
      assert.match(check('any', directory).text, /b\/a\.d\.ts:1: any/)
    })
  })

  describe('dependencies', () => {
    const manifest = (range: string): string => JSON.stringify({ dependencies: { a: range } })
    const lock = (more: object): string =>
      JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.4.0', ...more } } })
    function judge(range: string, more: object = {}, readme = 'a'): { status: number | null; text: string } {
      write('package.json', manifest(range))
      write('README.md', `b\n\n## Dependencies\n\n| ${readme} | why |\n`)
      write('package-lock.json', lock(more))
      return check('dependencies', directory)
    }

    it('accepts a range with both ends', () => {
      const { status, text } = judge('>=1.2.0 <=1.4.0')
      assert.equal(status, 0, text)
    })
    it('refuses a range that is open', () => {
      assert.match(judge('^1.2.0').text, /a: \^1\.2\.0/)
    })
    it('refuses a newest version that is not the one of the tests', () => {
      assert.match(judge('>=1.2.0 <=1.5.0').text, /a: 1\.4\.0 is installed/)
    })
    it('refuses what runs a script at installation', () => {
      assert.match(judge('>=1.2.0 <=1.4.0', { hasInstallScript: true }).text, /a: has an installation script/)
    })
    it('refuses what README gives no reason for', () => {
      assert.match(judge('>=1.2.0 <=1.4.0', {}, 'ab, b').text, /a: README does not say what for/)
    })
    it('lets a tool of the developers have one', () => {
      assert.equal(judge('>=1.2.0 <=1.4.0', { hasInstallScript: true, dev: true }).status, 0)
    })
  })

  describe('symbols', () => {
    function compile(source: string, ...flags: string[]): string {
      const file = write('a.cc', source)
      const args = ['-shared', '-fPIC', '-fno-exceptions', '-o', join(directory, 'a.node'), file, ...flags]
      const done = spawnSync('g++', args, { encoding: 'utf8' })
      assert.equal(done.status, 0, done.stderr)
      return join(directory, 'a.node')
    }
    const good = ['-nostdlib', '-Wl,-z,nodelete', '-Wl,-z,now']
    const register = 'extern "C" int napi_register_module_v1() { return 0; }\n'

    it('accepts an addon that asks for nothing', () => {
      const { status, text } = check('symbols', compile(register, ...good))
      assert.equal(status, 0, text)
    })
    it('refuses a symbol that is not listed', () => {
      const source = `${register}extern "C" int system(const char*);\nextern "C" __attribute__((visibility("hidden"))) int f() { return system(""); }\nint (*volatile keep)() = f;\n`
      assert.match(check('symbols', compile(source, ...good)).text, /asks for system/)
    })
    it('refuses a library of its own', () => {
      const flags = ['-Wl,-z,nodelete', '-Wl,-z,now', '-Wl,--no-as-needed']
      assert.match(check('symbols', compile(register, ...flags)).text, /needs libstdc\+\+/)
    })
    it('refuses a symbol with a version', () => {
      const source = `${register}#include <stdlib.h>\nvoid* volatile p = (void*)malloc;\n`
      assert.match(check('symbols', compile(source, '-Wl,-z,nodelete')).text, /malloc has a version/)
    })
    it('refuses an addon that can be unloaded', () => {
      assert.match(check('symbols', compile(register, '-nostdlib', '-Wl,-z,now')).text, /nodelete/)
    })
    it('refuses an export', () => {
      const { text } = check('symbols', compile(`${register}extern "C" void stray() {}\n`, ...good))
      assert.match(text, /exports stray/)
    })
  })
})
