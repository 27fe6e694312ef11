import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const addon = join(root, 'build/Release/graphdriver.node')

/** What a user of the package gets: packed, installed from the tarball, used. */
describe('the installed package', () => {
  let work: string
  let project: string

  function run(command: string, args: string[], cwd: string): { status: number | null; text: string } {
    const env = { ...process.env }
    // Neither our own build nor npm's settings of the run that started the tests.
    for (const name of Object.keys(env))
      if (/^(npm_(?!config_(registry|.*proxy|cafile)$)|GRAPHDRIVER_NATIVE$)/i.test(name))
        Reflect.deleteProperty(env, name)
    const done = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
    return { status: done.status, text: done.stdout + done.stderr }
  }

  function node(...args: string[]): { status: number | null; text: string } {
    return run(process.execPath, args, project)
  }

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'install-'))
    const source = join(work, 'source')
    mkdirSync(source)
    const names = ['package.json', 'binding.gyp', 'dist', 'lib', 'native', 'README.md', 'LICENSE']
    for (const name of names) cpSync(join(root, name), join(source, name), { recursive: true })
    const prebuilds = join(source, 'prebuilds', `linux-${process.arch}`)
    mkdirSync(prebuilds, { recursive: true })
    cpSync(addon, join(prebuilds, 'graphdriver.node'))
    const packed = run('npm', ['pack', '--pack-destination', work, '--ignore-scripts'], source)
    assert.equal(packed.status, 0, packed.text)
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'))
    assert.ok(tarball)
    project = join(work, 'project')
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), '{"name":"user","version":"1.0.0","private":true}')
    // What the package needs comes from npm's cache, else from where `npm ci` got it.
    const flags = ['--no-audit', '--no-fund', '--prefer-offline']
    const installed = run('npm', ['install', ...flags, join(work, tarball)], project)
    assert.equal(installed.status, 0, installed.text)
    // `npm ci` compiles where a tarball holds a root binding.gyp.
    const again = run('npm', ['ci', ...flags], project)
    assert.equal(again.status, 0, again.text)
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  it('compiles nothing and holds no binding.gyp', () => {
    const installed = join(project, 'node_modules/graphdriver')
    assert.equal(existsSync(join(installed, 'binding.gyp')), false)
    assert.equal(existsSync(join(installed, 'build')), false)
    assert.equal(existsSync(join(installed, 'test')), false)
  })

  it('holds each module once, in a bundle', () => {
    const dist = join(project, 'node_modules/graphdriver/dist')
    assert.equal(existsSync(join(dist, 'sys/binding.js')), false)
    assert.equal(existsSync(join(dist, 'sys/index.d.ts')), true)
    assert.equal(existsSync(join(dist, 'bundle/index.js')), true)
  })

  it('opens a store, and its stack traces lead to lib/', () => {
    const code = `import { open, GraphDriverError } from 'graphdriver'
      const driver = await open({ root: '${join(work, 'store')}', driver: 'vfs' })
      await driver.create('base')
      console.log((await driver.list()).length)
      const error = await driver.remove('none').catch((error) => error)
      console.log(error instanceof GraphDriverError, error.code, error.stack.includes('graphdriver/lib/drivers/'))
      await driver.close()`
    const { text } = node('--enable-source-maps', '--input-type=module', '-e', code)
    assert.equal(text, '1\ntrue ERR_LAYER_NOT_FOUND true\n')
  })

  it('is small', () => {
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz')) ?? ''
    assert.ok(statSync(join(work, tarball)).size < 850_000)
  })

  it('is imported, and its addon answers', () => {
    const code = "import { mountinfoSync } from 'graphdriver/sys'; console.log(mountinfoSync().length > 0)"
    assert.deepEqual(node('--input-type=module', '-e', code), { status: 0, text: 'true\n' })
  })

  it('is required where Node can', () => {
    const code =
      "console.log(typeof require('graphdriver').open, typeof require('graphdriver/mount').isMountPoint)"
    const args = process.version.startsWith('v20.') ? ['--no-warnings'] : []
    assert.deepEqual(node(...args, '-e', code), { status: 0, text: 'function function\n' })
  })

  it('is imported on a system that is no Linux, and fails at the first system call', () => {
    const code = `
      Object.defineProperty(process, 'platform', { value: 'darwin' })
      await import('graphdriver')
      const { mountinfoSync } = await import('graphdriver/sys')
      try { mountinfoSync() } catch (error) { console.log(error.code) }`
    assert.deepEqual(node('--input-type=module', '-e', code), {
      status: 0,
      text: 'ERR_UNSUPPORTED_PLATFORM\n',
    })
  })

  it('gives nothing but its entries', () => {
    const code = "import('graphdriver/dist/sys/binding.js').catch((error) => console.log(error.code))"
    assert.deepEqual(node('-e', code), { status: 0, text: 'ERR_PACKAGE_PATH_NOT_EXPORTED\n' })
  })
})
