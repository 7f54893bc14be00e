# Opens *.annot files with Annotator for this user, from where its folder is now. Needs no
# administrator. Run it again after the folder has been moved.
#
#   powershell -ExecutionPolicy Bypass -File associate.ps1             for this user
#   powershell -ExecutionPolicy Bypass -File associate.ps1 -Remove     takes it away again
param([switch]$Remove)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$program = Join-Path $PSScriptRoot 'annotator.exe'
$icon = Join-Path $PSScriptRoot 'share\annotator-document.ico'
$kind = 'Annotator.Project'
$classes = 'HKCU:\Software\Classes'
$command = "`"$program`" `"%1`""
$commandKey = "$classes\$kind\shell\open\command"

if (-not $Remove -and -not (Test-Path -LiteralPath $program)) {
    Write-Error "annotator.exe is not beside this script; keep both in the folder they came in."
    exit 1
}

if ($Remove) {
    if (Test-Path -LiteralPath $commandKey) {
        $owner = (Get-Item -LiteralPath $commandKey).GetValue('')
        $other = ($owner -split '"')[1]
        if (($owner -ne $command) -and (Test-Path -LiteralPath $other)) {
            Write-Output "Projects open with another copy, $other; nothing was removed."
            exit 1
        }
        Remove-Item -LiteralPath "$classes\$kind" -Recurse
    }
    if (Test-Path -LiteralPath "$classes\.annot") {
        $extension = Get-Item -LiteralPath "$classes\.annot"
        if ($extension.GetValue('') -eq $kind) {
            Remove-Item -LiteralPath "$classes\.annot" -Recurse
        }
    }
    Write-Output '*.annot files belong to no program.'
}
else {
    $values = [ordered]@{
        "$classes\.annot"             = $kind
        "$classes\$kind"              = 'Annotator project'
        "$classes\$kind\DefaultIcon"  = "`"$icon`",0"
        $commandKey                   = $command
    }
    foreach ($key in $values.Keys) {
        if (-not (Test-Path -LiteralPath $key)) { New-Item -Path $key -Force | Out-Null }
        Set-Item -LiteralPath $key -Value $values[$key]
    }
    Set-ItemProperty -LiteralPath "$classes\.annot" -Name 'Content Type' -Value 'application/x-annotator-project'
    Write-Output "*.annot files open with $program"
}

# The desktop reads the icons again.
$signature = '[DllImport("shell32.dll")] public static extern void SHChangeNotify(int e, uint f, IntPtr a, IntPtr b);'
$shell = Add-Type -MemberDefinition $signature -Name Shell -Namespace Annotator -PassThru
$shell::SHChangeNotify(0x08000000, 0, [IntPtr]::Zero, [IntPtr]::Zero)
