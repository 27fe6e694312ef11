import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SLOWNESS } from '../../figures.ts'
import { skip } from '../../skip.ts'
import { describeMounts } from '../namespace.ts'
import { bin, Shell } from './support.ts'

describeMounts('graphdriver completion', function (directory) {
  // Every step is a process of its own, and the machine may be busy with others.
  this.timeout(240_000)
  let shell: Shell
  beforeEach(() => {
    shell = new Shell(directory())
    shell.ok('create', 'alpha')
    shell.ok('create', 'beta')
  })

  /** What bash offers for the last word of a line. */
  function bash(line: string): string[] {
    const words = line.split(' ')
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const done = shell.line(
      `source <(graphdriver completion bash); COMP_WORDS=(${quoted}); COMP_CWORD=${String(words.length - 1)}; compopt() { :; }; _graphdriver; printf '%s\\n' "\${COMPREPLY[@]}"`,
    )
    assert.equal(done.code, 0, done.err)
    assert.equal(done.err, '')
    return done.out.split('\n').filter((word) => word !== '')
  }

  it('bash: verbs, options, values, layers, files', () => {
    assert.deepEqual(bash('graphdriver mou'), ['mount', 'mounts', 'mountinfo'])
    assert.deepEqual(bash('graphdriver mount '), ['alpha', 'beta'])
    assert.deepEqual(bash('graphdriver --root store mount a'), ['alpha'])
    assert.deepEqual(bash('graphdriver rm alpha b'), ['beta'])
    assert.deepEqual(bash('graphdriver mount --read'), ['--read-only'])
    assert.deepEqual(bash('graphdriver convert --to '), ['overlay', 'aufs'])
    assert.deepEqual(bash('graphdriver create new --parent al'), ['alpha'])
    assert.deepEqual(bash('graphdriver create new'), [])
    assert.deepEqual(bash('graphdriver completion '), ['bash', 'zsh'])
    assert.deepEqual(bash('graphdriver ls --driver o'), ['overlay'])
    writeFileSync(join(directory(), 'layer.tar'), '')
    assert.deepEqual(bash('graphdriver apply alpha la'), ['layer.tar'])
  })

  it('zsh: the script is read, and completes in a terminal', function () {
    if (spawnSync('zsh', ['-c', 'true']).status !== 0) skip(this, 'zsh is missing: apt-get install zsh')
    writeFileSync(join(directory(), '_graphdriver'), shell.ok('completion', 'zsh'))
    writeFileSync(join(directory(), 'graphdriver'), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`, {
      mode: 0o755,
    })
    const script = `
      zmodload zsh/zpty
      zpty z "cd ${directory()}; PATH=${directory()}:$PATH TERM=dumb zsh -f -i"
      zpty -w z "fpath=(${directory()} \\$fpath); autoload -U compinit; compinit -u -D; LISTMAX=0; PS1=READY; stty -echo"
      zpty -w z "setopt noautomenu; echo lo""aded"
      zpty -r z text '*loaded*'
      zpty -n -w z "graphdriver mount al"$'\\t'
      zpty -r z text '*alpha*' && print -r -- FOUND-LAYER
      zpty -n -w z $'\\x15'"graphdriver conv"$'\\t'
      zpty -r z text '*convert*' && print -r -- FOUND-VERB
      zpty -d z`
    const patience = String(30 * SLOWNESS)
    const done = spawnSync('timeout', [patience, 'zsh', '-f', '-c', script], {
      encoding: 'utf8',
      env: shell.env,
    })
    assert.match(done.stdout, /FOUND-LAYER/, done.stderr)
    assert.match(done.stdout, /FOUND-VERB/, done.stderr)
  })
})
