import { Argument, Command, CommanderError, Option } from 'commander'
import { UsageError } from './usage.ts'
import { Input } from './input.ts'
import { table, wrap } from './table.ts'
import type { Terminal } from './terminal.ts'
import { COMMON, EXIT_CODES, type OptionSpec, type Verb } from './verb.ts'

/** What a command line asks for. */
export interface Asked {
  readonly verb: Verb
  readonly input: Input
}

/** Help or the version was asked for: this is it. */
export interface Help {
  readonly help: string
}

/**
 * Reads a command line.
 *
 * @param terminal what help is for.
 * @throws UsageError
 */
export function parse(
  words: readonly string[],
  verbs: readonly Verb[],
  version: string,
  terminal: Terminal,
): Asked | Help {
  let asked: Asked | undefined
  let help = ''
  const program = makeProgram(verbs, version, terminal, (verb, values) => {
    asked = { verb, input: new Input(values) }
  })
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => (help += text),
      // The sentence of an error is made of what is thrown.
      writeErr: () => undefined,
      outputError: () => undefined,
    })
  }
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { help }
    // Commander shows its help where it has no words for what is wrong.
    if (error.code === 'commander.help')
      throw new UsageError(`${unknownVerb(program)}; \`graphdriver help\` lists them`)
    throw new UsageError(error.message.replace(/^error: /, '').replaceAll('\n', ' '))
  }
  return asked ?? { help }
}

/** What comes of `graphdriver help nosuch`, and of `graphdriver` alone. */
function unknownVerb({ args: [first, name] }: Command): string {
  return first === 'help' && name !== undefined ? `unknown verb '${name}'` : 'name a verb'
}

type Act = (verb: Verb, values: Readonly<Record<string, unknown>>) => void

function makeProgram(verbs: readonly Verb[], version: string, terminal: Terminal, act: Act): Command {
  const program = new Command('graphdriver')
    .description('Layered root filesystems: layers on disk, joined into one root by a union mount.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'what a verb does')
    .addHelpText('after', afterHelp(terminal))
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(termOf)].join(' '),
    })
  addOptions(program, COMMON)
  for (const verb of verbs) program.addCommand(makeCommand(verb, program, terminal, act))
  return program
}

function makeCommand(verb: Verb, program: Command, terminal: Terminal, act: Act): Command {
  const command = new Command(verb.name).summary(verb.summary).description(verbDescription(verb))
  for (const { name, summary, choices } of verb.arguments ?? []) {
    const argument = new Argument(name, summary)
    command.addArgument(choices === undefined ? argument : argument.choices([...choices]))
  }
  addOptions(command, verb.options ?? [])
  addOptions(command, COMMON, 'Options of every verb:')
  if (verb.passThrough === true) command.passThroughOptions()
  command.addHelpText('after', verbAfter(verb, terminal))
  command.action((...given: unknown[]) => {
    const named = Object.fromEntries((verb.arguments ?? []).map(({ name }, at) => [bare(name), given[at]]))
    const values: Record<string, unknown> = { ...program.opts(), ...command.opts(), ...named }
    const empty = Object.keys(values).find((name) => values[name] === '')
    // An empty variable of a script: it would mean the working directory, or nothing at all.
    if (empty !== undefined) throw new UsageError(`${empty} is an empty word`)
    act(verb, values)
  })
  return command
}

function termOf(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name()
  return argument.required ? `<${name}>` : `[${name}]`
}

function addOptions(command: Command, options: readonly OptionSpec[], group?: string): void {
  for (const { flags, summary, choices, required } of options) {
    const option = new Option(flags, summary)
    if (choices !== undefined) option.choices([...choices])
    if (group !== undefined) option.helpGroup(group)
    if (required === true) option.makeOptionMandatory()
    command.addOption(option)
  }
}

/** `<ids...>` is called ids. */
export function bare(name: string): string {
  return name.replace(/[<>[\].]/g, '')
}

function verbDescription({ summary, details = [] }: Verb): string {
  const first = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
  return [first, ...details].join('\n\n')
}

function verbAfter({ shape, examples = [] }: Verb, { columns }: Terminal): string {
  const lines: string[] = []
  if (examples.length > 0) lines.push('', 'Examples:')
  for (const { command, says } of examples) lines.push(`  ${command}`, `      ${says}`)
  if (shape !== undefined) {
    lines.push('', 'With --json:', ...wrap(shape, columns - 2).map((line) => `  ${line}`))
  }
  return lines.join('\n')
}

function afterHelp(terminal: Terminal): string {
  const variables = COMMON.flatMap(({ env, flags }) =>
    env === undefined ? [] : [[`  ${env}`, `as ${flags.split(' ')[0] ?? ''}`]],
  )
  const codes = EXIT_CODES.map(([code, meaning]) => [`  ${code}`, meaning])
  return ['', 'Environment:', table(variables, terminal), '', 'Exit codes:', table(codes, terminal)].join(
    '\n',
  )
}
