; The setup for Windows, compiled by setup.py:  ISCC /DVersion=0.1.0 /DDist=folder /DOut=folder setup.iss
; Silent:  lanchat-setup.exe /VERYSILENT /SUPPRESSMSGBOXES /NORESTART [/ALLUSERS | /CURRENTUSER] [/DIR=…] [/LOG=…]
;          /COMPONENTS=client[,server]  /TASKS=desktop,startup,firewall,service  /ANSWERS=file.ini  (answers.ini shows it)
; Uninstall, silent:  unins000.exe /VERYSILENT [/REMOVEDATA]
#define Icons SourcePath + "..\icons\"

[Setup]
AppId={{3B0E0C35-6E3B-4A52-9E2B-0E5C1B0A7C11}
AppName=LAN Chat
AppVersion={#Version}
AppVerName=LAN Chat {#Version}
VersionInfoVersion={#Version}.0
DefaultDirName={code:ProgramFolder}
DefaultGroupName=LAN Chat
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog commandline
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
AppMutex=LANChatWindow
; Two setups at once would take each other's folders away.
SetupMutex=LANChatSetup,Global\LANChatSetup
CloseApplications=no
ChangesAssociations=yes
OutputDir={#Out}
OutputBaseFilename=lanchat-{#Version}-setup
SetupIconFile={#Icons}lanchat.ico
UninstallDisplayIcon={app}\client\lanchatw.exe
LicenseFile={#SourcePath}..\..\LICENSE
WizardStyle=modern
ShowLanguageDialog=auto
Compression=lzma2/ultra64
; Both programs share most of their libraries: the dictionary reaches from one folder into the other. The compiler is a
; program of 32 bits and has no room for it; a process of its own has.
LZMADictionarySize=131072
LZMAUseSeparateProcess=yes
LZMANumBlockThreads=2
SolidCompression=yes

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"
Name: "ru"; MessagesFile: "compiler:Languages\Russian.isl"

[CustomMessages]
en.TypeChat=Chat
ru.TypeChat=Чат
en.TypeFull=Chat and server
ru.TypeFull=Чат и сервер
en.TypeCustom=Custom
ru.TypeCustom=Выборочно
en.Client=Chat
ru.Client=Чат
en.Server=Server: needed on one computer of the network
ru.Server=Сервер: нужен на одном компьютере сети
en.AtLogOn=Start the chat when I log on (minimized)
ru.AtLogOn=Запускать чат при входе в систему (свёрнутым)
en.ServerTasks=Server:
ru.ServerTasks=Сервер:
en.Firewall=Let other computers reach it (Windows Firewall, private and domain networks)
ru.Firewall=Разрешить доступ с других компьютеров (брандмауэр Windows, частные и доменные сети)
en.Service=Run it as a service, with nobody logged on
ru.Service=Запускать его службой, без входа пользователя
en.ServerIcon=LAN Chat server
ru.ServerIcon=Сервер LAN Chat
en.NotStopped=The server on this computer could not be stopped, so nothing was changed. Stop it and start the setup again.%n%n%1
ru.NotStopped=Не удалось остановить сервер на этом компьютере, поэтому ничего не изменено. Остановите его и запустите установку снова.%n%n%1
en.InUse=Files of the installed LAN Chat are in use, so nothing was changed. Close its programs and start the setup again.
ru.InUse=Файлы установленного LAN Chat заняты, поэтому ничего не изменено. Закройте его программы и запустите установку снова.
en.DatabaseTitle=Where the server keeps messages
ru.DatabaseTitle=Где сервер хранит сообщения
en.DatabaseText=The embedded database needs nothing and is enough for an office.
ru.DatabaseText=Встроенная база данных не требует настройки, и для офиса её достаточно.
en.Embedded=Embedded database
ru.Embedded=Встроенная база данных
en.MySQL=A MySQL or MariaDB server
ru.MySQL=Сервер MySQL или MariaDB
en.RunInstaller=Install a database server first: %1
ru.RunInstaller=Сначала установить сервер базы данных: %1
en.MySQLTitle=MySQL or MariaDB
ru.MySQLTitle=MySQL или MariaDB
en.MySQLText=Next tests the connection and makes what is missing.
ru.MySQLText=По кнопке «Далее» подключение проверяется, а недостающее создаётся.
en.Host=Computer, with a port if it is not 3306:
ru.Host=Компьютер (и порт, если не 3306):
en.Name=Name of the database:
ru.Name=Имя базы данных:
en.User=User for the server:
ru.User=Пользователь для сервера:
en.Password=Password:
ru.Password=Пароль:
en.Admin=Administrator of the database, to make both (may be empty when they exist):
ru.Admin=Администратор базы данных, чтобы создать базу и пользователя (если они есть, можно не указывать):
en.AdminPassword=Administrator's password:
ru.AdminPassword=Пароль администратора:
en.NoAnswers=The answer file %1 cannot be read, so nothing was installed.
ru.NoAnswers=Не удаётся прочитать файл ответов %1, поэтому ничего не установлено.
en.InstallerFailed=%1 was not installed: %2
ru.InstallerFailed=Не удалось установить %1: %2
en.FolderOpen=Others on this computer can read the folder %1: its access list could not be set.
ru.FolderOpen=Папку %1 могут читать другие пользователи этого компьютера: не удалось задать права доступа.
en.NoDatabase=The database was not set up: %1
ru.NoDatabase=База данных не настроена: %1
en.NoService=The service does not run: %1
ru.NoService=Служба не работает: %1
en.RemoveData=Delete messages, keys and settings too: your own, and those of a server on this computer?%n%nWithout your keys you cannot log in from this computer without a password, and without its keys a server cannot be brought back.
ru.RemoveData=Удалить также сообщения, ключи и настройки: ваши собственные и сервера на этом компьютере?%n%nБез ваших ключей с этого компьютера нельзя будет войти без пароля, а без ключей сервера его нельзя восстановить.

[Types]
Name: "client"; Description: "{cm:TypeChat}"
Name: "full"; Description: "{cm:TypeFull}"
Name: "custom"; Description: "{cm:TypeCustom}"; Flags: iscustom

[Components]
Name: "client"; Description: "{cm:Client}"; Types: client full custom; Flags: fixed
Name: "server"; Description: "{cm:Server}"; Types: full

[Tasks]
Name: "desktop"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "startup"; Description: "{cm:AtLogOn}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked
Name: "firewall"; Description: "{cm:Firewall}"; GroupDescription: "{cm:ServerTasks}"; Components: server; Check: IsAdminInstallMode
Name: "service"; Description: "{cm:Service}"; GroupDescription: "{cm:ServerTasks}"; Components: server; Check: IsAdminInstallMode; Flags: unchecked

[Dirs]
; For a policy. The [Code] section lets nobody but administrators write there.
Name: "{commonappdata}\LAN Chat"; Check: IsAdminInstallMode; Flags: uninsalwaysuninstall

[Files]
Source: "{#Dist}\lanchat\*"; DestDir: "{app}\client"; Components: client; Flags: ignoreversion recursesubdirs createallsubdirs
Source: "{#Dist}\lanchat-server\*"; DestDir: "{app}\server"; Components: server; Flags: ignoreversion recursesubdirs createallsubdirs
; What an administrator laid beside the setup; without it an update keeps the one that is there.
Source: "{src}\policy.toml"; DestDir: "{app}\client"; Flags: external skipifsourcedoesntexist

[Icons]
Name: "{group}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"
Name: "{group}\{cm:ServerIcon}"; Filename: "{app}\server\lanchat-serverw.exe"; Parameters: "window --config ""{code:ServerFile}"""; Components: server; Tasks: not service
Name: "{autodesktop}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"; Tasks: desktop
Name: "{autostartup}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"; Parameters: "window --hidden"; Tasks: startup

[InstallDelete]
; Of an installation without the service, which has the same data.
Type: files; Name: "{group}\{cm:ServerIcon}.lnk"; Tasks: service

[Registry]
Root: HKA; Subkey: "Software\Classes\lanchat"; ValueType: string; ValueData: "URL:LAN Chat"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\lanchat"; ValueType: string; ValueName: "URL Protocol"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\lanchat\DefaultIcon"; ValueType: string; ValueData: "{app}\client\lanchatw.exe,0"
; The link alone: the program takes nothing behind it.
Root: HKA; Subkey: "Software\Classes\lanchat\shell\open\command"; ValueType: string; ValueData: """{app}\client\lanchatw.exe"" ""%1"""

[Run]
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall delete rule name=""LAN Chat server"""; Flags: runhidden; Components: server; Check: IsAdminInstallMode
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall add rule name=""LAN Chat server"" dir=in action=allow profile=private,domain program=""{app}\server\lanchat-server.exe"""; Flags: runhidden; Tasks: firewall
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall add rule name=""LAN Chat server"" dir=in action=allow profile=private,domain program=""{app}\server\lanchat-serverw.exe"""; Flags: runhidden; Tasks: firewall
Filename: "{app}\client\lanchatw.exe"; Description: "{cm:LaunchProgram,LAN Chat}"; Flags: nowait postinstall skipifsilent

[UninstallRun]
Filename: "{app}\server\lanchat-server.exe"; Parameters: "service remove"; Flags: runhidden skipifdoesntexist; RunOnceId: "service"; Components: server; Check: IsAdminInstallMode
Filename: "{app}\server\lanchat-server.exe"; Parameters: "stop --config ""{code:ServerFile}"""; Flags: runhidden skipifdoesntexist; RunOnceId: "stop"; Components: server
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall delete rule name=""LAN Chat server"""; Flags: runhidden; RunOnceId: "firewall"; Components: server; Check: IsAdminInstallMode

[UninstallDelete]
Type: files; Name: "{app}\client\policy.toml"
; Of an update that was broken off.
Type: filesandordirs; Name: "{app}\client.before"
Type: filesandordirs; Name: "{app}\server.before"
Type: filesandordirs; Name: "{app}\client.replaced"
Type: filesandordirs; Name: "{app}\server.replaced"

[Code]
const
  BackSuffix = '.before';
  ReplacedSuffix = '.replaced';
var
  ChoicePage: TInputOptionWizardPage;
  MySQLPage: TInputQueryWizardPage;
  AnswerLines: TArrayOfString;
  Installer, Problem: String;
  Begun, Finished, ServerReady, ServiceRan: Boolean;

function ProgramFolder(Param: String): String;
begin
  if IsAdminInstallMode then Result := ExpandConstant('{commonpf}\LAN Chat')
  else Result := ExpandConstant('{localappdata}\Programs\LAN Chat');
end;

function ServerFolder: String;
begin
  if IsAdminInstallMode then Result := ExpandConstant('{commonappdata}\LAN Chat Server')
  else Result := ExpandConstant('{localappdata}\lanchat-server');
end;

function ServerFile(Param: String): String;
begin
  Result := ServerFolder + '\server.toml';
end;

{ Texts. Copy and Trim of this language lose every character that the code page of the computer lacks. }

function Between(Text: String; First, Last: Integer): String;
var
  Index: Integer;
begin
  Result := '';
  for Index := First to Last do Result := Result + Text[Index];
end;

function Trimmed(Text: String): String;
var
  First, Last: Integer;
begin
  First := 1;
  Last := Length(Text);
  while (Last > 0) and (Ord(Text[Last]) <= 32) do Last := Last - 1;
  while (First <= Last) and (Ord(Text[First]) <= 32) do First := First + 1;
  Result := Between(Text, First, Last);
end;

function BeginsWith(Text, Sign: String): Boolean;
begin
  Result := Pos(Sign, Text) = 1;
end;

{ Answers }

{ Read here and not by GetIniString, for which a file in UTF-8 is one in the code page of the computer. }
function Answer(Key, Default: String): String;
var
  Line, Section: String;
  Index, Place: Integer;
begin
  Result := Default;
  for Index := 0 to GetArrayLength(AnswerLines) - 1 do begin
    Line := Trimmed(AnswerLines[Index]);
    Place := Pos('=', Line);
    if BeginsWith(Line, '[') then Section := Line
    else if not BeginsWith(Line, ';') and (Place > 0) and (CompareText(Section, '[server]') = 0) then
      if CompareText(Trimmed(Between(Line, 1, Place - 1)), Key) = 0 then begin
        Result := Trimmed(Between(Line, Place + 1, Length(Line)));
        Exit;
      end;
  end;
end;

function InitializeSetup: Boolean;
var
  Answers: String;
begin
  Answers := ExpandConstant('{param:ANSWERS}');
  Result := True;
  if Answers = '' then Exit;
  Answers := ExpandFileName(Answers);
  Result := LoadStringsFromFile(Answers, AnswerLines);
  if not Result then SuppressibleMsgBox(FmtMessage(CustomMessage('NoAnswers'), [Answers]), mbCriticalError, MB_OK, IDOK);
end;

function Chosen(Page: Integer; Key: String): String;
begin
  if WizardSilent then Result := Answer(Key, '')
  else Result := Trimmed(MySQLPage.Values[Page]);
end;

function WantsMySQL: Boolean;
begin
  if WizardSilent then Result := CompareText(Answer('database', 'embedded'), 'mysql') = 0
  else Result := ChoicePage.Values[1] or ((Installer <> '') and ChoicePage.Values[2]);
end;

{ Programs }

function RunServer(Parameters: String; var Said: String): Integer;
var
  Output: TExecOutput;
  Index: Integer;
begin
  Said := '';
  if not ExecAndCaptureOutput(ExpandConstant('{app}\server\lanchat-server.exe'), Parameters, '', SW_HIDE, ewWaitUntilTerminated, Result, Output) then
    Result := -1;
  for Index := 0 to GetArrayLength(Output.StdErr) - 1 do
    if Trimmed(Output.StdErr[Index]) <> '' then Said := Trimmed(Output.StdErr[Index]);
  Log('lanchat-server ' + Parameters + ' ended with ' + IntToStr(Result) + ' ' + Said);
end;

{ A running server, and files in use }

{ Whether none runs now. Said: why one still does. }
function StopServer(var Said: String): Boolean;
var
  Code: Integer;
begin
  Result := True;
  if not FileExists(ExpandConstant('{app}\server\lanchat-server.exe')) then Exit;
  if IsAdminInstallMode then
    if RunServer('service stop', Said) = 0 then ServiceRan := True;
  if FileExists(ServerFile('')) then begin
    Code := RunServer('stop --config "' + ServerFile('') + '"', Said);
    { 1: it runs, or nobody can say. A program that is damaged ends with another code: the setup mends it. }
    Result := Code <> 1;
  end;
end;

procedure BringBack(Part: String);
var
  Folder: String;
begin
  Folder := ExpandConstant('{app}\' + Part);
  if not DirExists(Folder + BackSuffix) then Exit;
  DelTree(Folder, True, True, True);
  RenameFile(Folder + BackSuffix, Folder);
end;

function SetAside(Part: String): Boolean;
var
  Folder: String;
begin
  Folder := ExpandConstant('{app}\' + Part);
  Result := True;
  if not DirExists(Folder) then Exit;
  BringBack(Part); { of an update that a power cut broke off }
  Result := RenameFile(Folder, Folder + BackSuffix);
end;

procedure BringAllBack;
var
  Said: String;
begin
  BringBack('client');
  BringBack('server');
  if ServiceRan then RunServer('service start', Said);
  ServiceRan := False;
end;

{ Under another name first: what is left when a file of it is in use is no version to go back to. }
procedure RemoveReplaced(Part: String);
var
  Folder: String;
begin
  Folder := ExpandConstant('{app}\' + Part);
  DelTree(Folder + ReplacedSuffix, True, True, True);
  if RenameFile(Folder + BackSuffix, Folder + ReplacedSuffix) then DelTree(Folder + ReplacedSuffix, True, True, True);
end;

{ A policy that was laid beside the program belongs to the administrator, not to the version. }
procedure KeepPolicy;
var
  Folder: String;
begin
  Folder := ExpandConstant('{app}\client');
  if not FileExists(Folder + '\policy.toml') then RenameFile(Folder + BackSuffix + '\policy.toml', Folder + '\policy.toml');
end;

function PrepareToInstall(var NeedsRestart: Boolean): String;
var
  Said: String;
  Updated: Boolean;
begin
  Result := '';
  Begun := True;
  { Where the server is not chosen, the one that is there stays as it is, and so does its service. }
  if WizardIsComponentSelected('server') and not StopServer(Said) then begin
    Result := FmtMessage(CustomMessage('NotStopped'), [Said]);
    BringAllBack;
    Exit;
  end;
  Updated := SetAside('client');
  if Updated and WizardIsComponentSelected('server') then Updated := SetAside('server');
  if not Updated then begin
    BringAllBack;
    Result := CustomMessage('InUse');
  end;
end;

{ Rights }

{ Administrators, the system and those whom Others grants something, and nobody else: below the folder of all programs'
  data everybody may read, and make files. }
procedure CloseFolder(Folder, Others: String);
var
  Code: Integer;
  Tool, Grants: String;
begin
  Tool := ExpandConstant('{sys}\icacls.exe');
  Grants := ' /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F ' + Others + ' /q';
  Exec(Tool, '"' + Folder + '" /setowner *S-1-5-32-544 /q', '', SW_HIDE, ewWaitUntilTerminated, Code);
  if not Exec(Tool, '"' + Folder + '"' + Grants, '', SW_HIDE, ewWaitUntilTerminated, Code) or (Code <> 0) then begin
    Problem := FmtMessage(CustomMessage('FolderOpen'), [Folder]);
    Log(Problem);
  end;
end;

{ The server's own file, and its database }

function TomlText(Value: String): String;
begin
  StringChangeEx(Value, '\', '\\', True);
  StringChangeEx(Value, '"', '\"', True);
  Result := '"' + Value + '"';
end;

function InURL(Value: String): String;
begin
  StringChangeEx(Value, '%', '%25', True);
  StringChangeEx(Value, ':', '%3A', True);
  StringChangeEx(Value, '/', '%2F', True);
  StringChangeEx(Value, '@', '%40', True);
  StringChangeEx(Value, '?', '%3F', True);
  StringChangeEx(Value, '#', '%23', True);
  Result := Value;
end;

function DatabaseURL(User, Password, Name: String): String;
begin
  Result := 'mysql://' + InURL(User) + ':' + InURL(Password) + '@' + Chosen(0, 'host') + '/' + Name;
end;

procedure Append(var Lines: TArrayOfString; Line: String);
begin
  SetArrayLength(Lines, GetArrayLength(Lines) + 1);
  Lines[GetArrayLength(Lines) - 1] := Line;
end;

{ The first one; later ones leave what an administrator changed in it. }
procedure WriteServerFile(Database: String);
var
  Lines: TArrayOfString;
begin
  ForceDirectories(ServerFolder);
  { Before the password of a database is in it. Whoever installs may start the server; a user's own folder is closed. }
  if IsAdminInstallMode then
    CloseFolder(ServerFolder, '"' + ExpandConstant('{%USERDOMAIN|.}\{username}') + ':(OI)(CI)F"');
  Append(Lines, 'data_dir = "."');
  if Database <> '' then Append(Lines, 'database = ' + TomlText(Database));
  if Answer('name', '') <> '' then Append(Lines, 'name = ' + TomlText(Answer('name', '')));
  if Answer('port', '') <> '' then Append(Lines, 'port = ' + Answer('port', ''));
  SaveStringsToUTF8FileWithoutBOM(ServerFile(''), Lines, False);
end;

function MakeDatabase: Boolean;
var
  Secret, Draft, Arguments: String;
  Lines: TArrayOfString;
begin
  Draft := ExpandConstant('{tmp}\database.toml');
  Secret := ExpandConstant('{tmp}\administrator.txt');
  SetArrayLength(Lines, 1);
  Lines[0] := 'database = ' + TomlText(DatabaseURL(Chosen(2, 'user'), Chosen(3, 'password'), Chosen(1, 'name_of_database')));
  SaveStringsToUTF8FileWithoutBOM(Draft, Lines, False);
  Arguments := 'init-db --config "' + Draft + '"';
  if Chosen(4, 'administrator') <> '' then begin
    Lines[0] := DatabaseURL(Chosen(4, 'administrator'), Chosen(5, 'administrator_password'), '');
    SaveStringsToUTF8FileWithoutBOM(Secret, Lines, False);
    Arguments := Arguments + ' --admin-url-file "' + Secret + '"';
  end;
  Result := RunServer(Arguments + ' --dry-run', Problem) = 0;
  if Result then Result := RunServer(Arguments, Problem) = 0;
  DeleteFile(Draft);
  DeleteFile(Secret);
  if not Result then Exit;
  Problem := ''; { what was said of a database that is there is none }
  WriteServerFile(DatabaseURL(Chosen(2, 'user'), Chosen(3, 'password'), Chosen(1, 'name_of_database')));
end;

{ An administrator may have installed it again with other options, which an update leaves. }
function ServiceIsInstalled: Boolean;
var
  Command: String;
begin
  Result := RegQueryStringValue(HKLM, 'SYSTEM\CurrentControlSet\Services\LANChatServer', 'ImagePath', Command);
  if Result then Result := Pos(ExpandConstant('{app}\server\lanchat-server.exe'), Command) > 0;
end;

procedure StartService;
var
  Said: String;
  Code: Integer;
begin
  if ServerReady then Exit;
  ServerReady := True;
  Code := 0;
  if WizardIsTaskSelected('service') and not ServiceIsInstalled then
    Code := RunServer('service install --config "' + ServerFile('') + '"', Said);
  { One that was installed by hand runs again too. }
  if (Code = 0) and (WizardIsTaskSelected('service') or ServiceRan) then Code := RunServer('service start', Said);
  if Code = 0 then Exit;
  Problem := FmtMessage(CustomMessage('NoService'), [Said]);
  SuppressibleMsgBox(Problem, mbError, MB_OK, IDOK);
end;

{ Pages }

procedure FindInstaller;
var
  Found: TFindRec;
begin
  if FindFirst(ExpandConstant('{src}\mysql*.msi'), Found) or FindFirst(ExpandConstant('{src}\mariadb*.msi'), Found) then begin
    Installer := Found.Name;
    FindClose(Found);
  end;
end;

procedure InitializeWizard;
begin
  FindInstaller;
  ChoicePage := CreateInputOptionPage(wpInstalling, CustomMessage('DatabaseTitle'), CustomMessage('DatabaseText'), '', True, False);
  ChoicePage.Add(CustomMessage('Embedded'));
  ChoicePage.Add(CustomMessage('MySQL'));
  if Installer <> '' then ChoicePage.Add(FmtMessage(CustomMessage('RunInstaller'), [Installer]));
  ChoicePage.SelectedValueIndex := 0;
  MySQLPage := CreateInputQueryPage(ChoicePage.ID, CustomMessage('MySQLTitle'), CustomMessage('MySQLText'), '');
  MySQLPage.Add(CustomMessage('Host'), False);
  MySQLPage.Add(CustomMessage('Name'), False);
  MySQLPage.Add(CustomMessage('User'), False);
  MySQLPage.Add(CustomMessage('Password'), True);
  MySQLPage.Add(CustomMessage('Admin'), False);
  MySQLPage.Add(CustomMessage('AdminPassword'), True);
  MySQLPage.Values[0] := 'localhost';
  MySQLPage.Values[1] := 'lanchat';
  MySQLPage.Values[2] := 'lanchat';
  MySQLPage.Values[4] := 'root';
end;

function ShouldSkipPage(PageID: Integer): Boolean;
begin
  Result := False;
  { An update leaves the database as it is. }
  if (PageID = ChoicePage.ID) or (PageID = MySQLPage.ID) then
    Result := not WizardIsComponentSelected('server') or FileExists(ServerFile(''));
  if PageID = MySQLPage.ID then Result := Result or not WantsMySQL;
end;

function NextButtonClick(CurPageID: Integer): Boolean;
var
  Code: Integer;
begin
  Result := True;
  if CurPageID = ChoicePage.ID then
    if (Installer <> '') and ChoicePage.Values[2] then begin
      Result := Exec(ExpandConstant('{sys}\msiexec.exe'), '/i "' + ExpandConstant('{src}\') + Installer + '"', '', SW_SHOW, ewWaitUntilTerminated, Code);
      { Installed, and the computer is to be, or is being, restarted. }
      Result := Result and ((Code = 0) or (Code = 3010) or (Code = 1641));
      if not Result then MsgBox(FmtMessage(CustomMessage('InstallerFailed'), [Installer, SysErrorMessage(Code)]), mbError, MB_OK);
    end;
  if CurPageID = MySQLPage.ID then begin
    WizardForm.NextButton.Enabled := False;
    try
      Result := MakeDatabase;
    finally
      WizardForm.NextButton.Enabled := True;
    end;
    if not Result then begin
      MsgBox(FmtMessage(CustomMessage('NoDatabase'), [Problem]), mbError, MB_OK);
      Problem := ''; { another database may be chosen }
    end;
  end;
end;

procedure SetUpServer;
begin
  if not FileExists(ServerFile('')) then
    if not WantsMySQL then WriteServerFile('')
    else if not MakeDatabase then begin
      Problem := FmtMessage(CustomMessage('NoDatabase'), [Problem]);
      Exit;
    end;
  StartService;
end;

procedure CurPageChanged(CurPageID: Integer);
begin
  { The database's pages come after the files, and before the end. }
  if (CurPageID = wpFinished) and not WizardSilent and WizardIsComponentSelected('server') then begin
    if not FileExists(ServerFile('')) then WriteServerFile('');
    StartService;
  end;
end;

procedure CurStepChanged(CurStep: TSetupStep);
begin
  if CurStep <> ssPostInstall then Exit;
  Finished := True;
  KeepPolicy;
  RemoveReplaced('client');
  RemoveReplaced('server');
  { Everybody reads a policy. }
  if IsAdminInstallMode then CloseFolder(ExpandConstant('{commonappdata}\LAN Chat'), '*S-1-5-32-545:(OI)(CI)RX');
  if WizardSilent and WizardIsComponentSelected('server') then SetUpServer;
  if Problem <> '' then Log(Problem);
end;

function GetCustomSetupExitCode: Integer;
begin
  Result := 0;
  if Problem <> '' then Result := 9; { installed, but the server is not set up; the log says why }
end;

procedure DeinitializeSetup;
begin
  if Begun and not Finished then BringAllBack;
end;

procedure CurUninstallStepChanged(CurUninstallStep: TUninstallStep);
var
  Remove: Boolean;
  Index: Integer;
begin
  if CurUninstallStep <> usPostUninstall then Exit;
  Remove := False;
  for Index := 1 to ParamCount do
    if CompareText(ParamStr(Index), '/REMOVEDATA') = 0 then Remove := True;
  if not UninstallSilent then
    Remove := MsgBox(CustomMessage('RemoveData'), mbConfirmation, MB_YESNO or MB_DEFBUTTON2) = IDYES;
  if not Remove then Exit;
  Log('messages, keys and settings are removed');
  DelTree(ExpandConstant('{localappdata}\lanchat'), True, True, True);
  DelTree(ExpandConstant('{localappdata}\lanchat-server'), True, True, True);
  if IsAdminInstallMode then DelTree(ExpandConstant('{commonappdata}\LAN Chat Server'), True, True, True);
end;
