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
en.AtLogOn=Start the chat when I log on, as an icon
ru.AtLogOn=Запускать чат значком при входе в систему
en.ServerTasks=Server:
ru.ServerTasks=Сервер:
en.Firewall=Let other computers reach it (Windows Firewall, private and domain networks)
ru.Firewall=Разрешить доступ с других компьютеров (брандмауэр Windows, частные и доменные сети)
en.Service=Run it as a service, with nobody logged on
ru.Service=Запускать его службой, без входа пользователя
en.ServerIcon=LAN Chat server
ru.ServerIcon=Сервер LAN Chat
en.Preparing=Setting the server up…
ru.Preparing=Настройка сервера…
en.NotStopped=The server that runs here does not stop, so nothing was changed. Stop it and start the setup again.
ru.NotStopped=Работающий здесь сервер не останавливается, поэтому ничего не изменено. Остановите его и запустите установку снова.
en.InUse=Files of the installed LAN Chat are in use, so nothing was changed. Close its programs and start the setup again.
ru.InUse=Файлы установленного LAN Chat заняты, поэтому ничего не изменено. Закройте его программы и запустите установку снова.
en.DatabaseTitle=Where the server keeps messages
ru.DatabaseTitle=Где сервер хранит сообщения
en.DatabaseText=The embedded database needs nothing and is enough for an office.
ru.DatabaseText=Встроенной базе данных ничего не нужно, и для офиса её достаточно.
en.Embedded=Embedded database
ru.Embedded=Встроенная база данных
en.MySQL=A MySQL or MariaDB server
ru.MySQL=Сервер MySQL или MariaDB
en.RunInstaller=Install a database server first: %1
ru.RunInstaller=Сначала установить сервер базы данных: %1
en.MySQLTitle=MySQL or MariaDB
ru.MySQLTitle=MySQL или MariaDB
en.MySQLText=Next tests the connection and makes what is missing.
ru.MySQLText=Кнопка «Далее» проверяет подключение и создаёт недостающее.
en.Host=Computer, with a port if it is not 3306:
ru.Host=Компьютер; порт, если это не 3306:
en.Name=Name of the database:
ru.Name=Имя базы данных:
en.User=User for the server:
ru.User=Пользователь для сервера:
en.Password=Password:
ru.Password=Пароль:
en.Admin=Administrator of the database, to make both (may be empty when they exist):
ru.Admin=Администратор базы данных, чтобы создать и то и другое (если они есть, можно не указывать):
en.AdminPassword=Administrator's password:
ru.AdminPassword=Пароль администратора:
en.NoDatabase=The database was not set up: %1
ru.NoDatabase=База данных не настроена: %1
en.NoService=The service does not run: %1
ru.NoService=Служба не работает: %1
en.RemoveData=Delete the messages, keys and settings of LAN Chat on this computer too?%n%nWithout the keys nobody can log in with this computer again, and a server cannot be brought back.
ru.RemoveData=Удалить также сообщения, ключи и настройки LAN Chat на этом компьютере?%n%nБез ключей с этого компьютера больше нельзя войти, а сервер нельзя восстановить.

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
; Nobody but administrators may lay a policy there.
Name: "{commonappdata}\LAN Chat"; Check: IsAdminInstallMode; Flags: uninsalwaysuninstall

[Files]
Source: "{#Dist}\lanchat\*"; DestDir: "{app}\client"; Components: client; Flags: ignoreversion recursesubdirs createallsubdirs
Source: "{#Dist}\lanchat-server\*"; DestDir: "{app}\server"; Components: server; Flags: ignoreversion recursesubdirs createallsubdirs
; What an administrator laid beside the setup.
Source: "{src}\policy.toml"; DestDir: "{app}\client"; Flags: external skipifsourcedoesntexist

[Icons]
Name: "{group}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"
Name: "{group}\{cm:ServerIcon}"; Filename: "{app}\server\lanchat-serverw.exe"; Parameters: "window --config ""{code:ServerFile}"""; Components: server; Tasks: not service
Name: "{autodesktop}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"; Tasks: desktop
Name: "{autostartup}\LAN Chat"; Filename: "{app}\client\lanchatw.exe"; Parameters: "window --hidden"; Tasks: startup

[Registry]
Root: HKA; Subkey: "Software\Classes\lanchat"; ValueType: string; ValueData: "URL:LAN Chat"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\lanchat"; ValueType: string; ValueName: "URL Protocol"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\lanchat\DefaultIcon"; ValueType: string; ValueData: "{app}\client\lanchatw.exe,0"
; The link alone: the program takes nothing behind it.
Root: HKA; Subkey: "Software\Classes\lanchat\shell\open\command"; ValueType: string; ValueData: """{app}\client\lanchatw.exe"" ""%1"""

[Run]
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall delete rule name=""LAN Chat server"""; Flags: runhidden; Tasks: firewall
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall add rule name=""LAN Chat server"" dir=in action=allow profile=private,domain program=""{app}\server\lanchat-server.exe"""; Flags: runhidden; Tasks: firewall
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall add rule name=""LAN Chat server"" dir=in action=allow profile=private,domain program=""{app}\server\lanchat-serverw.exe"""; Flags: runhidden; Tasks: firewall
Filename: "{app}\client\lanchatw.exe"; Description: "{cm:LaunchProgram,LAN Chat}"; Flags: nowait postinstall skipifsilent

[UninstallRun]
Filename: "{app}\server\lanchat-server.exe"; Parameters: "service remove"; Flags: runhidden; RunOnceId: "service"; Components: server; Check: IsAdminInstallMode
Filename: "{app}\server\lanchat-server.exe"; Parameters: "stop --config ""{code:ServerFile}"""; Flags: runhidden; RunOnceId: "stop"; Components: server
Filename: "{sys}\netsh.exe"; Parameters: "advfirewall firewall delete rule name=""LAN Chat server"""; Flags: runhidden; RunOnceId: "firewall"; Components: server; Check: IsAdminInstallMode

[UninstallDelete]
Type: files; Name: "{app}\client\policy.toml"

[Code]
const
  BackSuffix = '.before';
var
  ChoicePage: TInputOptionWizardPage;
  MySQLPage: TInputQueryWizardPage;
  Installer, Problem: String;
  Finished, ServerReady: Boolean;

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

{ Answers }

function Answer(Key, Default: String): String;
var
  Answers: String;
begin
  Answers := ExpandConstant('{param:ANSWERS}');
  Result := Default;
  if Answers <> '' then Result := GetIniString('server', Key, Default, ExpandFileName(Answers));
end;

function Chosen(Page: Integer; Key: String): String;
begin
  if WizardSilent then Result := Answer(Key, '')
  else Result := Trim(MySQLPage.Values[Page]);
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
    if Trim(Output.StdErr[Index]) <> '' then Said := Trim(Output.StdErr[Index]);
  Log('lanchat-server ' + Copy(Parameters, 1, 40) + ' ended with ' + IntToStr(Result) + ' ' + Said);
end;

{ A running server, and files in use }

function StopServer: Boolean;
var
  Said: String;
  Code: Integer;
begin
  Result := True;
  if not FileExists(ExpandConstant('{app}\server\lanchat-server.exe')) then Exit;
  if IsAdminInstallMode then RunServer('service stop', Said);
  if FileExists(ServerFile('')) then begin
    Code := RunServer('stop --config "' + ServerFile('') + '"', Said);
    Result := (Code = 0) or (Code = 3);
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

function PrepareToInstall(var NeedsRestart: Boolean): String;
begin
  Result := '';
  if not StopServer then begin
    Result := CustomMessage('NotStopped');
    Exit;
  end;
  if not SetAside('client') or not SetAside('server') then begin
    BringBack('client');
    BringBack('server');
    Result := CustomMessage('InUse');
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
  if Result then WriteServerFile(DatabaseURL(Chosen(2, 'user'), Chosen(3, 'password'), Chosen(1, 'name_of_database')));
end;

procedure StartService;
var
  Said: String;
begin
  if not WizardIsTaskSelected('service') or ServerReady then Exit;
  ServerReady := True;
  if (RunServer('service install --config "' + ServerFile('') + '"', Said) <> 0) or (RunServer('service start', Said) <> 0) then begin
    Problem := Said;
    SuppressibleMsgBox(FmtMessage(CustomMessage('NoService'), [Said]), mbError, MB_OK, IDOK);
  end;
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
  if (CurPageID = ChoicePage.ID) and (Installer <> '') and ChoicePage.Values[2] then
    Result := Exec(ExpandConstant('{sys}\msiexec.exe'), '/i "' + ExpandConstant('{src}\') + Installer + '"', '', SW_SHOW, ewWaitUntilTerminated, Code);
  if CurPageID = MySQLPage.ID then begin
    WizardForm.NextButton.Enabled := False;
    try
      Result := MakeDatabase;
    finally
      WizardForm.NextButton.Enabled := True;
    end;
    if not Result then MsgBox(FmtMessage(CustomMessage('NoDatabase'), [Problem]), mbError, MB_OK);
  end;
end;

procedure SetUpServer;
begin
  if not FileExists(ServerFile('')) and WantsMySQL then begin
    if not MakeDatabase then Exit;
    Problem := '';
  end else if not FileExists(ServerFile('')) then WriteServerFile('');
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
  if CurStep = ssPostInstall then begin
    Finished := True;
    DelTree(ExpandConstant('{app}\client' + BackSuffix), True, True, True);
    DelTree(ExpandConstant('{app}\server' + BackSuffix), True, True, True);
    if WizardSilent and WizardIsComponentSelected('server') then begin
      SetUpServer;
      if Problem <> '' then Log(FmtMessage(CustomMessage('NoDatabase'), [Problem]));
    end;
  end;
end;

function GetCustomSetupExitCode: Integer;
begin
  Result := 0;
  if Problem <> '' then Result := 9; { installed, but the server is not set up; the log says why }
end;

procedure DeinitializeSetup;
begin
  if Finished then Exit;
  try
    BringBack('client');
    BringBack('server');
  except
    { no folder was chosen yet }
  end;
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
  DelTree(ExpandConstant('{localappdata}\lanchat'), True, True, True);
  DelTree(ExpandConstant('{localappdata}\lanchat-server'), True, True, True);
  if IsAdminInstallMode then DelTree(ExpandConstant('{commonappdata}\LAN Chat Server'), True, True, True);
end;
