// The pages of docs/api, made of the doc comments: what is exported says what it is, and the pages are what the comments say.
// `reference.mjs --update` writes them.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Application, LogLevel } from 'typedoc'
import { root } from '../run.mjs'

const update = process.argv.includes('--update')
const directory = join(root, 'docs/api')
const options = {
  entryPoints: ['index', 'archive/index', 'mount/index', 'sys/index'].map((name) =>
    join(root, 'lib', `${name}.ts`),
  ),
  tsconfig: join(root, 'tsconfig.json'),
  plugin: ['typedoc-plugin-markdown'],
  name: 'graphdriver',
  readme: 'none',
  outputFileStrategy: 'modules',
  // No line numbers and no revision: a page changes when the interface does.
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  typeDeclarationFormat: 'table',
  enumMembersFormat: 'table',
  expandParameters: false,
  useCodeBlocks: false,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // A constant of the kernel is what its manual page says, and many a property what its name says.
  requiredToBeDocumented: [
    'Class',
    'Interface',
    'TypeAlias',
    'Function',
    'Method',
    'Accessor',
    'Constructor',
  ],
  treatValidationWarningsAsErrors: true,
  logLevel: LogLevel.Warn,
}

const note =
  '<!-- Made by scripts/checks/reference.mjs of the doc comments in lib/; do not edit: npm run docs -->'
const out = mkdtempSync(join(tmpdir(), 'graphdriver-reference-'))
const problems = []
try {
  const app = await Application.bootstrapWithPlugins({ ...options, out })
  const project = await app.convert()
  if (project === undefined) problems.push('typedoc cannot read lib/')
  else {
    app.validate(project)
    await app.generateOutputs(project)
    if (app.logger.hasErrors() || app.logger.hasWarnings())
      problems.push('typedoc has something to say: see above')
    compare()
  }
} finally {
  rmSync(out, { recursive: true })
}

/** A module by the name that it is imported by. */
function titled(text, file) {
  const named = text.replace('[index](index.md)', '[graphdriver](index.md)')
  const name = file === 'index.md' ? 'graphdriver' : `graphdriver/${file.replace('.md', '')}`
  const title = file === 'README.md' ? '# Reference' : `# ${name}`
  return named.replace(/^# .*\n/, `${title}\n\n${note}\n`)
}

function compare() {
  const made = readdirSync(out, { recursive: true }).filter((name) => name.endsWith('.md'))
  const there = existsSync(directory)
    ? readdirSync(directory, { recursive: true }).filter((name) => name.endsWith('.md'))
    : []
  for (const name of new Set([...made, ...there])) {
    const wanted = made.includes(name) ? titled(readFileSync(join(out, name), 'utf8'), name) : undefined
    if (there.includes(name) && readFileSync(join(directory, name), 'utf8') === wanted) continue
    if (!update) problems.push(`docs/api/${name} is not what lib/ says: npm run docs`)
    else if (wanted === undefined) rmSync(join(directory, name))
    else {
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, name), wanted)
    }
  }
  console.log(`reference: ${made.length} pages`)
}

for (const problem of problems) console.error(problem)
console.log(`reference: ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)
