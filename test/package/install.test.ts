import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { itUnless } from '../skip.ts'
import * as user from './user.ts'

const flags = ['--no-audit', '--no-fund', '--prefer-offline']

/** What a user of the package gets: packed, installed from the tarball, used. */
describe('the installed package', () => {
  let work: string
  let tarball: string
  let project: string
  let watched: string

  function node(...args: string[]): user.Outcome {
    return user.run([process.execPath, ...args], project)
  }

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'install-'))
    tarball = user.pack(work)
    watched = user.decoys(join(work, 'watched'))
    project = user.project(join(work, 'project'))
    // What the package needs comes from npm's cache, else from where `npm ci` got it.
    user.succeeds(['npm', 'install', ...flags, tarball], project, user.environment(watched))
    // `npm ci` compiles where a tarball holds a root binding.gyp.
    user.succeeds(['npm', 'ci', ...flags], project, user.environment(watched))
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  it('compiled nothing, fetched nothing and ran no script', () => {
    assert.deepEqual(user.called(watched), [])
    assert.deepEqual(user.withScripts(project), [])
  })

  it('would be caught at it: a package with a script, and one with a binding.gyp', () => {
    const other = user.decoys(join(work, 'other-watched'))
    const bad = user.project(join(work, 'bad'), { name: 'bad', scripts: { install: 'node-gyp --version' } })
    writeFileSync(join(bad, 'binding.gyp'), '{}')
    const victim = user.project(join(work, 'victim'))
    user.run(['npm', 'install', ...flags, '--install-links', bad], victim, user.environment(other))
    assert.deepEqual(user.withScripts(victim), ['node_modules/bad/package.json: install, binding.gyp'])
    // Since version 12 npm runs no script of a dependency unasked.
    const major = Number(user.succeeds(['npm', '--version'], victim).split('.')[0])
    if (major < 12) assert.match(user.called(other).join('\n'), /^script-shell .*node-gyp --version/m)
  })

  it('holds no binding.gyp, no sources of the addon, no tests', () => {
    const installed = join(project, 'node_modules/graphdriver')
    for (const name of ['binding.gyp', 'build', 'native', 'scripts', 'test'])
      assert.equal(existsSync(join(installed, name)), false, name)
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
    assert.ok(statSync(tarball).size < 1_000_000)
  })

  const enter = user.privately()
  // No mount that is everybody's.
  const unable = typeof enter === 'string' ? enter : undefined
  itUnless(unable, 'is imported and required, and mounts layers', () => {
    user.smoke([process.execPath, '--no-warnings'], project)
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

  it('gives nothing but its entries', () => {
    const code = "import('graphdriver/dist/sys/binding.js').catch((error) => console.log(error.code))"
    assert.deepEqual(node('-e', code), { status: 0, text: 'ERR_PACKAGE_PATH_NOT_EXPORTED\n' })
  })
})
